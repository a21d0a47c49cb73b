#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The viewer: scripts without a display, then a real window under Xvfb with real keys and mouse.

    test_window.py X64EMU DIRECTORY REFERENCES [--update]

Pictures are left in the directory and compared with the references, with a tolerance for another
version of the font's renderer. --update makes the references anew: look at them.
"""
import os
import shutil
import subprocess
import sys
import time

from picture import difference, read_png, read_screen

PROGRAM, DIRECTORY, REFERENCES = (os.path.abspath(path) for path in sys.argv[1:4])
UPDATE = '--update' in sys.argv
RUN = ['--entry', '4.16', '--mitigations', 'pti,pcid']
TOLERANCE = 0.02  # of all bytes
PATIENCE = float(os.environ.get('X64_TEST_PATIENCE', '1'))

# Name, size, theme, commands: a picture each.
PICTURES = [
    ('syscall-light', '1600 1000', 'light', ['expect rip _start+0x16']),
    ('frame-light', '1600 1000', 'light', ['goto 1098', 'expect rip entry_SYSCALL_64_after_hwframe+0x4']),
    ('frame-dark', '1024 700', 'dark', ['goto 1087']),
    ('sysret-dark', '1600 1000', 'dark', ['run-to 0xfffffe0000006000', 'goto 1233']),
    ('tiny-light', '200 100', 'light', ['goto 1076']),
]


def check(condition, text):
    if not condition:
        sys.exit(f'test_window: {text}')


def view(script, *options, status=0, environment=None, run=None):
    path = os.path.join(DIRECTORY, 'script.txt')
    with open(path, 'w', encoding='ascii') as file:
        file.write('\n'.join(script) + '\n')
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
    view(['index', 'expect step 1075', 'step', 'expect step 1076', 'step 10', 'expect step 1086',
          'back 11', 'expect step 1075', 'key Right', 'key j', 'key k', 'expect step 1076',
          'effect', 'expect step 1077', 'expect effect 0', 'effect', 'expect effect 1', 'effect-back',
          'effect-back', 'expect step 1076', 'back', 'call', 'call-back', 'expect step 1075',
          'break entry_SYSCALL_64_after_hwframe', 'continue', 'expect step 1094', 'continue',
          'expect rip entry_SYSCALL_64_after_hwframe', 'continue-back', 'expect step 1094',
          'run-to do_syscall_64', 'expect step 1124', 'mark', 'last', 'next-mark', 'expect step 1124',
          'find no_such', 'expect message no_such: no such symbol',
          'apng range.png 1075 1080', 'svg stack.svg kernel'])
    frames = read_png(os.path.join(DIRECTORY, 'range.png'))[3]
    check(frames == 6, f'{frames} frames for six steps')
    with open(os.path.join(DIRECTORY, 'stack.svg'), encoding='ascii') as file:
        svg = file.read()
    check(svg.startswith('<svg') and 'orig_ax' in svg and svg.count('<rect') > 20, 'no stack in the SVG')


def check_bad_input():
    check('expect' not in view(['expect step 1075']), 'a script that holds says something')
    check('line 2: step is 1075, not 5' in view(['# a comment', 'expect step 5'], status=3), 'no line')
    check('no command' in view(['jump'], status=3), 'an unknown command passes')
    check('fonts-dejavu-core' in view(['step'], '--font', '/dev/null', status=2), 'a bad font passes')
    keys = os.path.join(DIRECTORY, 'keys.txt')
    with open(keys, 'w', encoding='ascii') as file:
        file.write('x step\ny nothing\n')
    check('line 2' in view(['step'], '--keys', keys, status=3), 'a bad binding passes')
    with open(keys, 'w', encoding='ascii') as file:
        file.write('x step\n')
    view(['key x', 'expect step 1076'], '--keys', keys)
    check('--size' in view(['step'], '--size', '0x0', status=2), 'a bad size passes')
    for path in ('/no/such/directory/a.png',):
        view([f'picture {path}', 'expect step 1075'])
    done = subprocess.run([PROGRAM, 'view', *RUN], stderr=subprocess.PIPE, text=True, check=False,
                          env={k: v for k, v in os.environ.items() if k != 'DISPLAY'} | {'SDL_VIDEODRIVER': 'x11'})
    check(done.returncode == 2 and 'no display' in done.stderr, 'no display, and no word of it')


class Window:
    """A window under Xvfb, driven by xdotool; its title says which step it shows."""

    def __init__(self, run=None):
        number = next(n for n in range(90, 120) if not os.path.exists(f'/tmp/.X{n}-lock'))
        self.display = f':{number}'
        self.run = run or RUN

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


def check_window():
    with Window() as window:
        window.wait(1075, 'opening')
        window.keys('Right', 'Right', 'j')
        window.wait(1078, 'three steps')
        window.keys('Left', 'k')
        window.wait(1076, 'two steps back')
        window.keys('n', 'p')
        window.wait(1075, 'a call on and back')
        window.tool('type', '/do_syscall_64')
        window.keys('Return')
        window.wait(1124, 'a search')
        window.tool('mousemove', '5', '60') # beside everything that has a tip
        time.sleep(1 * PATIENCE)
        window.keys('shift+p')
        window.tool('mousemove', '800', '960', 'click', '1')
        time.sleep(1 * PATIENCE)
        scrubbed = window.tool('getwindowname', window.id).strip()
        check(not scrubbed.endswith('step 1124'), 'a click on the timeline leads nowhere')
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
        status = window.program.wait(30 * PATIENCE)
        report = window.program.stderr.read()
        check(status == 0, f'status {status} at the end: {report}')
        print([line for line in report.splitlines() if 'frames' in line])
    view(['index', 'goto 1124', 'picture same.png', f'goto {step}', 'picture screen.png'])
    part = difference(read_png(os.path.join(DIRECTORY, 'x64emu-1124.png')),
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


def need_display():
    missing = [name for name in ('Xvfb', 'xdotool') if not shutil.which(name)]
    if missing:
        print('test_window: the window itself is skipped, not installed:', *missing)
        sys.exit(77)


def main():
    prepare()
    make_pictures(PICTURES, ['first', 'call', 'call'])
    check_scripts()
    check_bad_input()
    need_display()
    check_window()
    print('test_window: pictures, scripts and the window agree')


if __name__ == '__main__':
    main()
