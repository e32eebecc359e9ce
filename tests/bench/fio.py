# SPDX-License-Identifier: GPL-2.0
"""The workloads, and what one run of fio in a machine says about one."""

import json

from rblab import CommandFailed

COMMON = ['--name=bench', '--direct=1', '--ioengine=libaio', '--thread', '--time_based',
          '--norandommap', '--output-format=json', '--output=/tmp/fio.json']
SLACK = 120         # seconds fio may take beyond its runtime before it counts as stuck


class FioError(Exception):
    """fio ran, and what it reports is not a measurement."""


class Workload:
    """What fio is told to do, and in which unit its speed is given."""

    def __init__(self, name, title, options, unit='IOPS'):
        self.name, self.title, self.unit = name, title, unit
        self.options = [f'--{option}' for option in options.split()]
        self.reads = 'rw=randread' in options


WORKLOADS = [
    Workload('randwrite-qd1', '4 KiB random write, QD 1', 'rw=randwrite bs=4k iodepth=1'),
    Workload('randwrite-qd32', '4 KiB random write, QD 32', 'rw=randwrite bs=4k iodepth=32'),
    Workload('seqwrite-qd8', '128 KiB sequential write, QD 8', 'rw=write bs=128k iodepth=8',
             'MB/s'),
    Workload('randread-qd32', '4 KiB random read, QD 32', 'rw=randread bs=4k iodepth=32'),
    Workload('write-fsync', '4 KiB random write, each with fsync',
             'rw=randwrite bs=4k iodepth=1 fsync=1'),
]


def run(node, device, workload, size, seconds):
    """Run a workload; return {'rate', 'ops', 'p50_us', 'p99_us', ...}."""
    command = node.run(['fio', *COMMON, f'--filename={device}', f'--size={size}',
                        f'--runtime={seconds}', *workload.options],
                       check=False, timeout=seconds + SLACK)
    if command.rc:
        raise CommandFailed(command)
    return parse(node.run(['cat', '/tmp/fio.json']).out, workload)


def fill(node, device, size):
    """Write all of the working area: reads of blank blocks would be too cheap."""
    node.run(['fio', '--name=fill', '--direct=1', '--ioengine=libaio', '--thread',
              '--rw=write', '--bs=128k', '--iodepth=8', f'--filename={device}',
              f'--size={size}', '--output=/tmp/fio.fill'], timeout=600)


def parse(text, workload):
    """The figures of fio's JSON; its own words may stand before it."""
    job = json.loads(text[text.index('{'):])['jobs'][0]
    if job['error']:
        raise FioError(f'fio: error {job["error"]}')
    side = job['read' if workload.reads else 'write']
    if not side['total_ios']:
        raise FioError('fio finished no request')
    megabytes = side['bw_bytes'] / 1e6
    spread = side['clat_ns'].get('percentile', {})
    return {'rate': side['iops'] if workload.unit == 'IOPS' else megabytes,
            'iops': side['iops'], 'mb_s': megabytes, 'ops': side['total_ios'],
            'p50_us': spread.get('50.000000', 0) / 1e3,
            'p99_us': spread.get('99.000000', 0) / 1e3,
            'max_us': side['clat_ns']['max'] / 1e3}
