#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two runs side by side: what trace --compare aligns is what the viewer shows, by script and in a window.

    test_window_compare.py X64EMU DIRECTORY REFERENCES [--update]
"""
import json
import os
import struct
import subprocess
import time

from picture import difference, read_png, read_screen
from test_window import (DIRECTORY, PATIENCE, PROGRAM, Window, check, make_pictures, need_display, prepare, view)

ERAS = ['--compare', '4.9', '6.1:pti+pcid']

# Name, size, theme, commands: a picture each.
PICTURES = [
    ('compare-light', '1600 1000', 'light', ['side B', 'phase', 'phase', 'phase', 'phase', 'phase', 'step 3', 'expect phase stack back',
                                             'expect other-phase stack back', 'expect match waits']),
    ('compare-dark', '1024 700', 'dark', ['expect phase dispatch', 'phase-back', 'step 10', 'expect match same']),
    ('compare-tiny', '200 100', 'light', []),
]
START = ['first', 'side A', 'call', 'call', 'call', 'phase', 'phase', 'phase', 'expect phase dispatch']


def aligned(call):
    """The rows of a call that both runs have: (step of A, step of B, whether they do the same, phase)."""
    done = subprocess.run([PROGRAM, 'trace', *ERAS, '--syscall', call, '--format', 'jsonl'], check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return [(row['a']['n'], row['b']['n'], row['same'], row['phase']) for row in rows
            if 'phase' in row and 'a' in row and 'b' in row]


def check_alignment():
    """Both ways: wherever one side goes, the other one follows to its counterpart."""
    script = []
    rows = aligned('getpid')
    check(len(rows) > 30 and len({row[3] for row in rows}) > 7, f'only {len(rows)} rows are aligned')
    for a, b, same, _ in rows:
        match = 'same' if same else 'beside'
        script += ['side A', f'goto {a}', f'expect other-step {b}', f'expect match {match}',
                   'side B', f'expect step {b}', f'expect other-step {a}']
    view(script, run=ERAS)
    view(['goto 0', 'expect match program', 'expect other-step 0', 'last', 'expect phase outside'], run=ERAS)


def check_scripts():
    entry = aligned('getpid')[0]
    view(['expect side A', 'expect match same', 'expect phase enter', 'side', 'expect side B', 'call', f'expect step {entry[1]}',
          f'expect other-step {entry[0]}', 'phase', 'expect phase switch stack', 'phase', 'expect phase switch CR3',
          'expect match absent', 'expect other-phase switch stack', 'phase-back', 'expect phase switch stack',
          'key Tab', 'expect side A', 'key }', 'expect phase save frame', 'sum', 'picture sum.png', 'sum',
          'apng both.png 1066 1068'], run=ERAS)
    check(read_png(os.path.join(DIRECTORY, 'both.png'))[3] == 3, 'no frame for each step')
    same_era = ['--compare', '6.1', '6.1:pti,pcid,ibrs,retpoline,verw,bhb']
    view(['side B', 'call', 'phase', 'phase', 'expect phase switch CR3', 'expect match absent'], run=same_era)
    view(['step', 'expect message ', 'side', 'expect message for two runs side by side: x64emu view --compare A B'])


def idle_program():
    """A program that makes no system call: UD2."""
    path = os.path.join(DIRECTORY, 'idle')
    header = struct.pack('<16sHHIQQQIHHHHHH', b'\x7fELF\2\1\1', 2, 62, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack('<IIQQQQQQ', 1, 5, 0, 0x400000, 0x400000, 0x7a, 0x7a, 0x1000)
    with open(path, 'wb') as file:
        file.write(header + segment + b'\x0f\x0b')
    return path


def check_bad_input():
    for run, word in ((['--compare', '4.9'], 'write it once'),
                      (['--compare', '4.9', '--still'], 'write it once'),
                      (['--compare', '4.9', '9.9'], 'no such era'),
                      (['--compare', '4.9', '6.1:nonsense'], 'nonsense'),
                      (['--compare', '4.9:bhb', '6.1'], 'has no bhb'),
                      (['--entry', '4.9', *ERAS], 'takes no --entry')):
        done = subprocess.run([PROGRAM, 'view', '--headless', '--script', '/dev/null', *run], stderr=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True, check=False)
        check(done.returncode == 2 and word in done.stderr and done.stderr.count('\n') == 1,
              f'{run}: status {done.returncode}, {done.stderr}')
    report = view(['step'], run=[*ERAS, idle_program()], status=2)
    check('neither run makes a system call' in report, f'no calls, and no word of it: {report}')


def check_window():
    enter = aligned('getpid')[0]
    with Window(ERAS) as window:
        title = window.tool('getwindowname', window.id).split()
        start = int(title[-1])
        window.keys('Right', 'j')
        window.wait(start + 2, 'two steps')
        window.keys('k')
        window.wait(start + 1, 'a step back')
        window.keys('n')
        window.wait(enter[0], 'a call on')
        window.keys('Tab')
        window.wait(enter[1], 'changing sides')
        window.keys('braceright', 'braceright')
        time.sleep(0.5 * PATIENCE)
        window.tool('mousemove', '60', '985', 'click', '1')  # B's band
        time.sleep(0.5 * PATIENCE)
        clicked = int(window.tool('getwindowname', window.id).split()[-1])
        check(enter[1] <= clicked <= enter[1] + 4, f'a click on the band leads to step {clicked}')
        window.tool('mousemove', '700', '985', 'click', '1')
        time.sleep(0.5 * PATIENCE)
        step = int(window.tool('getwindowname', window.id).split()[-1])
        check(step > clicked + 20, f'a click on the middle of the band leads to step {step}')
        window.tool('windowsize', window.id, '1024', '700')
        time.sleep(0.5 * PATIENCE)
        window.tool('windowsize', window.id, '200', '100')
        time.sleep(0.5 * PATIENCE)
        window.tool('windowsize', window.id, '1600', '1000')
        window.tool('mousemove', '5', '60')
        time.sleep(1 * PATIENCE)
        screen = read_screen(os.path.join(DIRECTORY, 'Xvfb_screen0'))
        window.keys('q')
        status = window.program.wait(30 * PATIENCE)
        check(status == 0, f'status {status} at the end: {window.program.stderr.read()}')
    view(['side B', f'goto {step}', 'picture screen-compare.png'], run=ERAS)
    part = difference(screen, read_png(os.path.join(DIRECTORY, 'screen-compare.png')))
    check(part <= 0.001, f'the screen differs from the picture without a display in {part:.2%}')


def main():
    prepare()
    make_pictures(PICTURES, START, ERAS)
    check_alignment()
    check_scripts()
    check_bad_input()
    need_display()
    check_window()
    print('test_window_compare: the trace, scripts and the window agree')


main()
