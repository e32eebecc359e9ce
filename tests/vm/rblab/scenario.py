# SPDX-License-Identifier: GPL-2.0
"""A scenario: a file in scenarios/ with a docstring and run(lab).

It may also say, as plain assignments:
    LAB = {...}         options of the lab (see Lab)
    TIMEOUT = seconds   on the stock kernel; the debug kernel gets five times that
    MODULE = False      it does without raftblk.ko
    DEBUG = True        it belongs to the selection for the debug kernel
    LONG = True         a short run leaves it out
    STOCK = False       it only runs on the debug kernel
"""

import ast
import importlib.util
import os
import sys
import traceback

from . import paths
from .lab import Lab

FOLDER = os.path.join(paths.VM, 'scenarios')
SETTINGS = {'LAB': {}, 'TIMEOUT': 300, 'MODULE': True, 'DEBUG': False,
            'STOCK': True, 'LONG': False}

WHY = '# why: '         # the last line of one that failed


class Skip(Exception):
    """The scenario cannot run here."""


class Scenario:
    """One file; its settings are read without running it."""

    def __init__(self, name):
        self.name = name
        self.path = os.path.join(FOLDER, f'{name}.py')
        with open(self.path, encoding='utf-8') as source:
            tree = ast.parse(source.read())
        self.title = (ast.get_docstring(tree) or name).split('\n', maxsplit=1)[0]
        self.settings = dict(SETTINGS)
        for node in tree.body:
            if isinstance(node, ast.Assign) and node.targets[0].id in SETTINGS:
                self.settings[node.targets[0].id] = ast.literal_eval(node.value)

    def timeout(self, debug):
        return self.settings['TIMEOUT'] * (5 if debug else 1)

    def lab_name(self, debug):
        return f'{"debug" if debug else "test"}-{self.name}'

    def run(self, debug, kernel=None, short=False):
        """Run it in this process; return the exit code: 0, 1 or 4."""
        spec = importlib.util.spec_from_file_location(self.name, self.path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        options = dict(self.settings['LAB'], debug=debug, kernel=kernel,
                       short=short, lifetime=self.timeout(debug) + 120)
        try:
            with Lab(self.lab_name(debug), **options) as lab:
                if self.settings['MODULE'] and not lab.node(1).has_module():
                    raise Skip(f'no raftblk.ko for {lab.kernel.release}')
                module.run(lab)
        except Skip as reason:
            print(f'# skipped: {reason}', flush=True)
            return 4
        except KeyboardInterrupt:
            print('# interrupted', flush=True)
            return 1
        except Exception as error:      # pylint: disable=broad-exception-caught
            for line in traceback.format_exc().splitlines():
                print(f'# {line}', flush=True)
            print(f'{WHY}{in_a_line(error)}', flush=True)
            return 1
        return 0


def in_a_line(error):
    """What went wrong, for a summary."""
    return f'{type(error).__name__}: {" ".join(str(error).split())}'[:600]


def all_names():
    return sorted(name[:-3] for name in os.listdir(FOLDER)
                  if name.endswith('.py') and not name.startswith('_'))


def main():
    """python3 -m rblab.scenario NAME [debug] [short] [kernel=VER]"""
    sys.path.insert(0, FOLDER)
    name, *words = sys.argv[1:]
    kernel = next((word[7:] for word in words if word.startswith('kernel=')), None)
    sys.exit(Scenario(name).run('debug' in words, kernel, 'short' in words))


if __name__ == '__main__':
    main()
