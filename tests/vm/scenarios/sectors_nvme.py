# SPDX-License-Identifier: GPL-2.0
"""The same as sectors_4k on NVMe, which wants the pieces of a request to begin at page boundaries."""

import sectors_4k

LAB = {'nodes': 3, 'disk': '128M', 'sector': 4096, 'bus': 'nvme'}
TIMEOUT = 420
LONG = True


def run(lab):
    sectors_4k.run(lab, rounds=1)
