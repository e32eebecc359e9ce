# SPDX-License-Identifier: GPL-2.0
"""Medians, ratios, and the tables made of them."""

import statistics

RATIOS = [('raftblk3', 'drbd'), ('raftblk2', 'drbd'), ('raftblk3', 'bare'), ('drbd', 'bare')]
TABLES = [      # field, heading, and the systems that have it only with peers
    ('rate', 'Speed (IOPS; the sequential write in MB/s)'),
    ('p50_us', 'Latency, median, µs'),
    ('p99_us', 'Latency, 99th percentile, µs'),
    ('cpu_us', 'Processor time of the host per request, all machines together, µs'),
    ('frames', 'Frames on the wire per request'),
]
SHORT = {'raftblk3': 'raftblk/3', 'raftblk2': 'raftblk/2', 'drbd': 'DRBD', 'bare': 'bare'}


class Report:
    """What a run, loaded or under way, has measured."""

    def __init__(self, data):
        self.data = data
        self.systems = data['conditions']['systems']
        self.workloads = data['conditions']['workloads']

    def values(self, system, workload, field):
        return [row[field] for row in self.data['results']
                if (row['system'], row['workload']) == (system, workload)
                and 'error' not in row]

    def median(self, system, workload, field='rate'):
        """Over the rounds; None when nothing was measured."""
        values = self.values(system, workload, field)
        return statistics.median(values) if values else None

    def ratio(self, over, under, workload, field='rate'):
        """Of two medians, so that it can be checked against the table."""
        a, b = (self.median(one, workload, field) for one in (over, under))
        return a / b if a is not None and b else None

    def spread(self):
        """The largest difference between rounds: (share of the median, where)."""
        found = [(0, 'one round only')]
        for workload in self.workloads:
            for system in self.systems:
                values = self.values(system, workload, 'rate')
                if len(values) > 1:
                    found.append(((max(values) - min(values)) / statistics.median(values),
                                  f'{SHORT[system]}, {workload}'))
        return max(found)

    def ratios(self):
        return [pair for pair in RATIOS if set(pair) <= set(self.systems)]

    def missing(self):
        """(system, workload, rounds that were not measured), where there are any."""
        rounds = self.data['conditions']['rounds']
        counts = [(system, workload, rounds - len(self.values(system, workload, 'rate')))
                  for system in self.systems for workload in self.workloads]
        return [one for one in counts if one[2]]

    def summary(self):
        """Medians and ratios as the JSON file has them."""
        return {workload: {
            'medians': {system: {field: self.median(system, workload, field)
                                 for field, _ in TABLES} for system in self.systems},
            'ratios': {f'{over}/{under}': self.ratio(over, under, workload)
                       for over, under in self.ratios()},
        } for workload in self.workloads}

    def table(self, field):
        """Rows of words, the heading first."""
        heads = [''] + [SHORT[system] for system in self.systems]
        pairs = self.ratios() if field == 'rate' else []
        rows = [heads + [f'{SHORT[a]} : {SHORT[b]}' for a, b in pairs]]
        for workload, about in self.workloads.items():
            cells = [number(self.median(system, workload, field)) for system in self.systems]
            shares = [share(self.ratio(a, b, workload, field)) for a, b in pairs]
            rows.append([about['title'], *cells, *shares])
        return rows

    def text(self):
        blocks = []
        for field, heading in TABLES:
            rows = self.table(field)
            widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
            lines = ['  '.join([row[0].ljust(widths[0])] +
                               [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])])
                     for row in rows]
            blocks.append('\n'.join([heading, '', *lines]))
        return '\n\n'.join(blocks)

    def markdown(self):
        blocks = [self.conditions()]
        for field, heading in TABLES:
            head, *rows = self.table(field)
            lines = [f'**{heading}**', '', markdown_row(head),
                     '|---|' + '---:|' * (len(head) - 1), *map(markdown_row, rows)]
            blocks.append('\n'.join(lines))
        return '\n\n'.join(blocks)

    def conditions(self):
        about = self.data['conditions']
        share_, where = self.spread()
        lower = ('a RAM disk in each machine (brd)' if about['lower'] == 'ram' else
                 'virtio-blk on a file of the host, cache=none')
        return '\n'.join([
            f'- {about["date"][:10]}; raftblk at {about["commit"]}; '
            f'DRBD {about["versions"].get("drbd") or "not measured"}',
            f'- host: {about["cpu"]}, {about["cpus"]} CPUs, load {about["load_before"]:.1f} '
            f'before; {about["qemu"]}, {about["accel"]}',
            f'- guests: Linux {about["kernel"]}, one CPU, {about["mem"]} MB each',
            f'- lower device: {lower}; working area {about["size"]}, log {about["log"]}',
            f'- rounds: {about["rounds"]}, {about["runtime"]} s per measurement, medians; '
            f'largest difference between rounds {share_:.0%} ({where})'])


def markdown_row(cells):
    return '| ' + ' | '.join(cells) + ' |'


def number(value):
    """As many digits as are worth reading."""
    if value is None:
        return 'FAILED'
    return f'{value:,.0f}' if value >= 100 else f'{value:.1f}'


def share(value):
    if value is None:
        return '-'
    return f'{value:.2f}' if value >= 0.1 else f'{value:.3f}'
