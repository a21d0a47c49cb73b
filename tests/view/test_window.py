#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The viewer: scripts without a display, then a real window under Xvfb with real keys and mouse.

    test_window.py X64EMU DIRECTORY REFERENCES [--update]

Pictures are left in the directory and compared with the references, with a tolerance for another
version of the font's renderer. --update makes the references anew: look at them.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import time

from picture import difference, read_frames, read_png, read_screen

PROGRAM, DIRECTORY, REFERENCES = (os.path.abspath(path) for path in sys.argv[1:4])
UPDATE = '--update' in sys.argv
RUN = ['--entry', '4.16', '--mitigations', 'pti,pcid']
TOLERANCE = 0.02  # of all bytes
PATIENCE = float(os.environ.get('X64_TEST_PATIENCE', '1'))

# Name, size, theme, commands: a picture each.
PICTURES = [
    ('syscall-light', '1600 1000', 'light', ['expect rip _start+0x16']),
    ('frame-light', '1600 1000', 'light', ['goto @23', 'expect rip entry_SYSCALL_64_after_hwframe+0x4']),
    ('frame-dark', '1024 700', 'dark', ['goto @12']),
    ('sysret-dark', '1600 1000', 'dark', ['run-to 0xfffffe0000006000', 'goto @158']),
    ('tiny-light', '200 100', 'light', ['goto @1']),
    ('dense-light', '1600 1000', 'light', ['goto @23', 'scale 200']),
]


# Steps are counted from the first SYSCALL, here and, behind '@', in scripts.
ENTRY = next(json.loads(line)['n'] for line in subprocess.run(
    [PROGRAM, 'trace', *RUN, '--format', 'jsonl'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    check=True).stdout.splitlines() if b'"asm":"syscall"' in line)


def at(text):
    return re.sub(r'@(\d+)', lambda step: str(ENTRY + int(step.group(1))), text)


def check(condition, text):
    if not condition:
        sys.exit(f'test_window: {text}')


def view(script, *options, status=0, environment=None, run=None):
    path = os.path.join(DIRECTORY, 'script.txt')
    with open(path, 'w', encoding='ascii') as file:
        file.write(at('\n'.join(script) + '\n'))
    done = subprocess.run([PROGRAM, 'view', *(run or RUN), '--headless', '--script', path, *options], cwd=DIRECTORY,
                          stderr=subprocess.PIPE, text=True, check=False, timeout=300,
                          env={**os.environ, 'DISPLAY': '', **(environment or {})})
    check(done.returncode == status,
          f'status {done.returncode}, not {status}:\n{done.stderr}\nof the script\n' + '\n'.join(script))
    return done.stderr


def make_pictures(pictures, start, run=None):
    script = ['index']
    for name, size, theme, commands in pictures:
        script += [*start, f'size {size}', f'theme {theme}', *commands, f'picture {name}.png']
    view(script, run=run)
    for name, size, _, _ in pictures:
        path, reference = os.path.join(DIRECTORY, name + '.png'), os.path.join(REFERENCES, name + '.png')
        picture = read_png(path)
        check(f'{picture[0]} {picture[1]}' == size, f'{name} is {picture[:2]}')
        if UPDATE:
            shutil.copy(path, reference)
            continue
        part = difference(picture, read_png(reference))
        check(part <= TOLERANCE, f'{path} differs from {reference} in {part:.1%} of it')


def check_scripts():
    view(['index', 'expect step @0', 'step', 'expect step @1', 'step 10', 'expect step @11',
          'back 11', 'expect step @0', 'key Right', 'key j', 'key k', 'expect step @1',
          'effect', 'expect step @2', 'expect effect 0', 'effect', 'expect effect 1', 'effect-back',
          'effect-back', 'expect step @1', 'back', 'call', 'call-back', 'expect step @0',
          'break entry_SYSCALL_64_after_hwframe', 'continue', 'expect step @19', 'continue',
          'expect rip entry_SYSCALL_64_after_hwframe', 'continue-back', 'expect step @19',
          'run-to do_syscall_64', 'expect step @47', 'mark', 'last', 'next-mark', 'expect step @47',
          'find no_such', 'expect message no_such: no such symbol',
          'apng range.png @0 @5', 'svg stack.svg kernel'])
    check_range()
    with open(os.path.join(DIRECTORY, 'stack.svg'), encoding='ascii') as file:
        svg = file.read()
    check(svg.startswith('<svg') and 'orig_ax' in svg and svg.count('<rect') > 20, 'no stack in the SVG')


def check_range():
    """An animation's frames are the pictures of its steps, by script, by keys and by mouse."""
    steps = range(ENTRY, ENTRY + 6)
    view(['index', 'size 640 400', 'apng range.png @0 @5', 'goto @5', 'key v', 'goto @0', 'key A',
          'key Escape'] + [line for n in steps for line in (f'goto {n}', f'picture step-{n}.png')])
    for name in ('range.png', at('x64emu-@0-@5.png')):
        frames = read_frames(os.path.join(DIRECTORY, name))
        check(len(frames) == len(steps), f'{len(frames)} frames for {len(steps)} steps')
        for n, frame in zip(steps, frames):
            check(frame[2] == read_png(os.path.join(DIRECTORY, f'step-{n}.png'))[2],
                  f'{name}: step {n} is another picture')
    check('a range' in view(['apng never.png 5 4'], status=3), 'a range that ends before it begins passes')
    check('no range' in view(['key A'], status=3), 'no range passes as one')
    check(not os.path.exists(os.path.join(DIRECTORY, 'never.png')), 'a refused range leaves a file')


def check_search():
    """Typing; where searches lead is test_view_model's and test_app's."""
    view(['index', 'key /', 'type =fffffffffffffffx', 'key Backspace', 'type da', 'key Backspace',
          'key Backspace', 'type f', 'key Escape', 'expect step @0', 'key /', 'type =ffffffffffffffda',
          'key Return', 'expect message found: write pt_regs.ax 0x0 -> 0xffffffffffffffda', 'expect step @24',
          'key f', 'key F', 'expect step @24'])


def check_bad_input():
    check('expect' not in view(['expect step @0']), 'a script that holds says something')
    check(at('line 2: step is @0, not 5') in view(['# a comment', 'expect step 5'], status=3), 'no line')
    check('no command' in view(['jump'], status=3), 'an unknown command passes')
    check('fonts-dejavu-core' in view(['step'], '--font', '/dev/null', status=2), 'a bad font passes')
    keys = os.path.join(DIRECTORY, 'keys.txt')
    with open(keys, 'w', encoding='ascii') as file:
        file.write('x step\ny nothing\n')
    check('line 2' in view(['step'], '--keys', keys, status=3), 'a bad binding passes')
    with open(keys, 'w', encoding='ascii') as file:
        file.write('x step\n')
    view(['key x', 'expect step @1'], '--keys', keys)
    check('--size' in view(['step'], '--size', '0x0', status=2), 'a bad size passes')
    check('--scale' in view(['step'], '--scale', '9', status=2), 'a bad scale passes')
    for path in ('/no/such/directory/a.png',):
        view([f'picture {path}', 'expect step @0'])
    bare = {k: v for k, v in os.environ.items() if k not in ('DISPLAY', 'WAYLAND_DISPLAY', 'SDL_VIDEODRIVER')}
    for driver in ({}, {'SDL_VIDEODRIVER': 'x11'}):
        done = subprocess.run([PROGRAM, 'view', *RUN], stderr=subprocess.PIPE, text=True, check=False,
                              env=bare | driver, timeout=60 * PATIENCE)
        check(done.returncode == 2 and 'no display' in done.stderr, 'no display, and no word of it')


class Window:
    """A window under Xvfb, driven by xdotool; its title says which step it shows."""

    def __init__(self, run=None, options=()):
        number = next(n for n in range(90, 120) if not os.path.exists(f'/tmp/.X{n}-lock'))
        self.display = f':{number}'
        self.run = [*(run or RUN), *options]

    def __enter__(self):
        self.server = subprocess.Popen(['Xvfb', self.display, '-screen', '0', '1600x1000x24', '-fbdir', DIRECTORY],
                                       stderr=subprocess.DEVNULL)
        time.sleep(1 * PATIENCE)
        self.environment = {**os.environ, 'DISPLAY': self.display, 'SDL_VIDEODRIVER': 'x11'}
        self.program = subprocess.Popen([PROGRAM, 'view', *self.run, '--still', '--frame-times'], cwd=DIRECTORY,
                                        env=self.environment, stderr=subprocess.PIPE, text=True)
        self.id = self.find()
        self.tool('windowfocus', self.id)
        return self

    def find(self):
        end = time.monotonic() + 20 * PATIENCE
        while time.monotonic() < end:
            found = self.tool('search', '--onlyvisible', '--name', 'step [0-9]+').split()
            if found:
                return found[0]
            time.sleep(0.2)
        check(False, 'no window comes up')

    def __exit__(self, *unused):
        self.program.kill()
        self.program.wait()
        self.server.terminate()
        self.server.wait()

    def tool(self, *arguments):
        done = subprocess.run(['xdotool', *arguments], env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60 * PATIENCE, check=False)
        return done.stdout

    def wait(self, step, what):
        end = time.monotonic() + 20 * PATIENCE
        name = ''
        while time.monotonic() < end:
            name = self.tool('getwindowname', self.id).strip()
            if name.endswith(f'step {step}'):
                return
            time.sleep(0.1)
        check(False, f'after {what} the window shows "{name}", not step {step}')

    def keys(self, *names):
        for name in names:
            self.tool('key', name)


def check_recording(name):
    """A file that the window saved is the run that it showed."""
    path = os.path.join(DIRECTORY, name)
    check(os.path.exists(path), f'{name} was not saved')
    traces = [subprocess.run([PROGRAM, 'trace', '--format', 'jsonl', *what], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, check=True).stdout.splitlines()[1:]
              for what in (RUN, [path])]
    check(len(traces[0]) > 1000 and traces[0] == traces[1], f'{name} is another run')
    os.remove(path)


def check_lost_display():
    """At twice the size, where the mouse's places are twice as far. Then the X server goes away: a
    sentence, a status, and the recording in a file."""
    with Window(options=('--scale', '2')) as window:
        window.wait(ENTRY, 'opening')
        window.tool('mousemove', '1152', '24', 'click', '1') # ">"
        window.wait(ENTRY + 1, 'a click')
        window.server.terminate()
        window.server.wait()
        status = window.program.wait(60 * PATIENCE)
        report = window.program.stderr.read()
        check(status == 2 and at('the display is gone, at step @1; the run\'s recording: wrote x64emu.rec') in report,
              f'status {status} without a display: {report}')
    check_recording('x64emu.rec')


def check_signal():
    """SIGTERM ends the program at once, but not the recording."""
    with Window() as window:
        window.wait(ENTRY, 'opening')
        window.keys('Right')
        window.wait(ENTRY + 1, 'a key')
        window.program.terminate()
        status = window.program.wait(60 * PATIENCE)
        report = window.program.stderr.read()
        check(status == 2 and at('ended by a signal, at step @1; the run\'s recording: wrote x64emu.rec') in report,
              f'status {status} after a signal: {report}')
    check_recording('x64emu.rec')


def check_window():
    with Window() as window:
        window.wait(ENTRY, 'opening')
        window.keys('Right', 'Right', 'j')
        window.wait(ENTRY + 3, 'three steps')
        window.keys('Left', 'k')
        window.wait(ENTRY + 1, 'two steps back')
        window.keys('n', 'p')
        window.wait(ENTRY, 'a call on and back')
        window.tool('type', '/do_syscall_64')
        window.keys('Return')
        window.wait(ENTRY + 47, 'a search')
        window.tool('mousemove', '5', '60') # beside everything that has a tip
        time.sleep(1 * PATIENCE)
        window.keys('shift+p')
        window.tool('mousemove', '800', '960', 'click', '1')
        time.sleep(1 * PATIENCE)
        scrubbed = window.tool('getwindowname', window.id).strip()
        check(not scrubbed.endswith(at('step @47')), 'a click on the timeline leads nowhere')
        window.tool('mousemove', '1300', '12', 'click', '1') # "<"
        time.sleep(0.5 * PATIENCE)
        window.tool('mousemove', '5', '60')
        window.tool('type', '/entry_SYSCALL_64_stage2')
        window.keys('Return')
        time.sleep(2 * PATIENCE)
        window.tool('windowsize', window.id, '1024', '700')
        time.sleep(1 * PATIENCE)
        window.tool('windowsize', window.id, '200', '100')
        time.sleep(1 * PATIENCE)
        window.tool('windowsize', window.id, '1600', '1000')
        time.sleep(1 * PATIENCE)
        check(window.program.poll() is None, 'resizing ends the program')
        step = int(window.tool('getwindowname', window.id).split()[-1])
        time.sleep(1 * PATIENCE)
        screen = read_screen(os.path.join(DIRECTORY, 'Xvfb_screen0'))
        window.keys('q')
        time.sleep(1 * PATIENCE)
        check(window.program.poll() is None, 'q loses a recording without asking')
        window.keys('Escape', 'q', 'x')
        status = window.program.wait(30 * PATIENCE)
        report = window.program.stderr.read()
        check(status == 0, f'status {status} at the end: {report}')
        print([line for line in report.splitlines() if 'frames' in line])
    check_recording('x64emu.rec')
    view(['index', 'goto @47', 'picture same.png', f'goto {step}', 'picture screen.png'])
    part = difference(read_png(os.path.join(DIRECTORY, at('x64emu-@47.png'))),
                      read_png(os.path.join(DIRECTORY, 'same.png')))
    check(part <= 0.001, f'the window\'s picture differs from that without a display in {part:.2%}')
    part = difference(screen, read_png(os.path.join(DIRECTORY, 'screen.png')))
    check(part <= 0.001, f'the screen differs from the picture without a display in {part:.2%}')


def prepare():
    """Ends the test where the program was built without its window."""
    help_text = subprocess.run([PROGRAM, 'view', *RUN, '--headless', '--script', '/dev/null'],
                               stderr=subprocess.PIPE, text=True, check=False).stderr
    if 'without SDL2' in help_text:
        print('test_window: skipped, built without SDL2')
        sys.exit(77)
    os.makedirs(DIRECTORY, exist_ok=True)
    for name in os.listdir(DIRECTORY):
        if name.endswith('.rec'):
            os.remove(os.path.join(DIRECTORY, name))


def need_display():
    missing = [name for name in ('Xvfb', 'xdotool') if not shutil.which(name)]
    if missing:
        print('test_window: the window itself is skipped, not installed:', *missing)
        sys.exit(77)


def main():
    prepare()
    make_pictures(PICTURES, ['scale 100', 'first', 'call', 'call'])
    check_scripts()
    check_search()
    check_bad_input()
    need_display()
    check_window()
    check_lost_display()
    check_signal()
    print('test_window: pictures, scripts and the window agree')


if __name__ == '__main__':
    main()
