# SPDX-License-Identifier: GPL-2.0
"""Virtual machines, their disks and their network, for tests and for play.

    with Lab(nodes=3, disk='64M', name='mine') as lab:
        n1 = lab.node(1)
        n1.run('mkfs.ext4 -q /dev/vda')
        lab.partition([1], [2, 3])
"""

from .agent import CommandFailed, NodeDown, TimedOut
from .console import Findings
from .lab import Lab, LabError

__all__ = ['CommandFailed', 'Findings', 'Lab', 'LabError', 'NodeDown', 'TimedOut']
