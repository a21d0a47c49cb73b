#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The page of `x64emu trace --format html` in a real browser, against the jsonl trace.

    test_page.py X64EMU DIRECTORY     (pictures are left in the directory)
"""
import json
import os
import re
import subprocess
import sys
import time

from webdriver import Browser, missing

PROGRAM, DIRECTORY = sys.argv[1:3]
RUN = ['--entry', '4.16', '--mitigations', 'pti,pcid']
MAX_5000_STEPS = 3 << 20
FIRST_SCREEN_SECONDS = 3.0 * float(os.environ.get('X64_TEST_PATIENCE', '1'))

# What the page shows of every step, as it stands there.
SHOWN = '''
const shown = [];
for (let i = arguments[0]; i < Math.min(arguments[1], trace.steps.length); i++) {
  move(i); drawExplain(); drawCode();
  const s = step(), changed = {};
  for (const [key, old] of changedNow())
    if (typeof key === 'number' && old !== undefined && old !== state.fields[key])
      changed[data.fields[key][0]] = ['0x' + hex(old), '0x' + hex(state.fields[key])];
  const words = {};
  for (const m of s.mem)
    if (m.write && m.size === 8 && m.linear % 8n === 0n)
      words['0x' + hex(m.linear)] = '0x' + hex(state.words.get(m.linear));
  shown.push({n: s.n, rip: '0x' + hex(s.code.rip), cpl: s.cpl, stack: STACKS[s.stack], changed, words,
    asm: document.querySelector('#instruction').firstChild.textContent,
    notes: [...document.querySelectorAll('#notes p')].map(p => p.lastChild.textContent),
    current: document.querySelectorAll('.line.current').length});
}
return shown;'''

# Every field and word at every step, as one text each.
STATES = '''
const all = [], order = arguments[0] ? trace.steps.map((_, i) => last() - i) : trace.steps.map((_, i) => i);
for (const i of order) {
  move(i);
  let hash = 7n;
  const mix = v => { hash = (hash * 1099511628211n + v) & 0xffffffffffffffffn; };
  state.fields.forEach(v => mix(v === undefined ? 1n : v));
  [...state.words.keys()].sort().forEach(k => { mix(k); mix(state.words.get(k)); });
  all[i] = hash.toString(16);
}
return all;'''


def check(condition, text):
    if not condition:
        sys.exit(f'test_page: {text}')


def make(name, *options):
    path = os.path.join(DIRECTORY, name)
    subprocess.run([PROGRAM, 'trace', *options[:-1], '--format', 'html', '-o', path, *options[-1]],
                   check=True, stderr=subprocess.DEVNULL)
    return path


def contrast(a, b):
    def luminance(colour):
        channels = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def check_contrast(page):
    for block in re.findall(r'color-scheme:(?:light|dark);([^}]*)}', page)[:2]:
        colours = dict(re.findall(r'--([a-z-]+):(#[0-9a-f]{6})', block))
        for name in ('ink', 'quiet', 'faint', 'user', 'entry', 'kernel', 'ist', 'good', 'bad'):
            ratio = contrast(colours[name], colours['ground'])
            check(ratio >= 4.5, f'--{name} on --ground has a contrast of {ratio:.2f}')
        ratio = contrast(colours['changed-ink'], colours['changed'])
        check(ratio >= 4.5, f'--changed-ink on --changed has a contrast of {ratio:.2f}')


def check_against_trace(browser):
    """Every step of the page is what the jsonl trace says."""
    text = subprocess.run([PROGRAM, 'trace', *RUN, '--format', 'jsonl'], check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    records = [json.loads(line) for line in text.splitlines()[1:]]
    shown = [step for at in range(0, len(records), 100) for step in browser.run(SHOWN, at, at + 100)]
    check(len(shown) == len(records), f'{len(shown)} steps, the trace has {len(records)}')
    for page, record in zip(shown, records):
        where = f'step {record["n"]}: '
        for key in ('n', 'rip', 'cpl'):
            check(page[key] == record[key], f'{where}{key} {page[key]}, not {record[key]}')
        check(page['stack'] == record.get('stack', 'none'), where + 'stack ' + page['stack'])
        check(page['current'] == 1, f'{where}{page["current"]} current lines')
        native = 'asm' not in record
        check(native or page['asm'].startswith(record['asm']), where + page['asm'])
        wanted = {**record.get('regs', {}), **record.get('cr', {}), **record.get('seg', {})}
        for name, (old, new) in wanted.items():
            if name in ('rip', 'gdtr', 'idtr', 'tr', 'tr.base', 'ldtr') or old == new:
                continue
            if name == 'rflags': # RF goes out by itself behind an instruction
                old, new = (hex(int(v, 16) & ~0x10000) for v in (old, new))
            got = page['changed'].get(name)
            if name == 'rflags' and got:
                got = [hex(int(v, 16) & ~0x10000) for v in got]
            if old == new:
                continue
            known = name in ('rax', 'rsp', 'rflags', 'cr3', 'gs.base', 'cs') or got
            check(not known or native or got == [old, new], f'{where}{name} {got}, not {old, new}')
        for access in record.get('mem', []):
            if access['op'] == 'w' and access['size'] == 8 and access['va'] in page['words']:
                later = [m['new'] for m in record['mem']
                         if m['op'] == 'w' and m['va'] == access['va'] and 'new' in m]
                check(page['words'][access['va']] == later[-1], f'{where}[{access["va"]}]')
        note = '; '.join(page['notes']).replace('; dangerous', '; warning: dangerous')
        check(note == record.get('note', '').removeprefix('warning: '), where + note)


def step_of(browser):
    return int(re.match(r'step (\d+)', browser.run('return $("count").textContent')).group(1))


def check_driving(browser):
    """Keys, mouse and links."""
    browser.keys('Home')
    first = step_of(browser)
    browser.keys('ArrowRight', 'j', 's')
    check(step_of(browser) == first + 3, 'three keys do not make three steps')
    browser.keys('ArrowLeft', 'k')
    check(step_of(browser) == first + 1, 'two keys do not go back two steps')
    browser.keys('n', 'n')
    call = step_of(browser)
    check('syscall' in browser.run('return $("instruction").textContent'), f'n leads to {call}')
    live = browser.run('return $("live").textContent')
    check(f'Step {call}' in live and 'SYSCALL 1 (write)' in live, 'the spoken text is ' + live)
    browser.keys('p', 'n')
    check(step_of(browser) == call, 'p and n do not lead back')
    browser.run(f'location.hash = "#n={call + 12}"')
    time.sleep(0.3)
    check(step_of(browser) == call + 12, 'a link does not open its step')
    box = browser.run('''const s = [...document.querySelectorAll('.slot')].find(s => s.textContent.startsWith('ss'));
        const r = s.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2];''')
    browser.click(*box)
    check('push 0x2b' in browser.run('return $("instruction").textContent'),
          'a click on pt_regs.ss does not lead to the push that wrote it')
    check('pt_regs.ss at' in browser.run('return $("tip").textContent'), 'no tip beside the slot')
    box = browser.run('const r = $("timeline").getBoundingClientRect(); return [r.x, r.y, r.width, r.height];')
    browser.click(box[0] + box[2] / 2, box[1] + box[3] / 2)
    check(abs(browser.run('return here / last()') - 0.5) < 0.01, 'the timeline does not scrub')
    browser.keys('/', *'sysret', 'Enter', 'Escape')
    check('sysret' in browser.run('return $("instruction").textContent'), 'sysret is not found')
    check(browser.run('return $("check-body").textContent').count('✓') == 6, 'six checks hold')
    browser.keys('?')
    check(browser.run('return $("help").open'), '? shows no keys')
    browser.keys('Escape', 'End')
    check(browser.run('return here === last()'), 'End does not lead to the end')


def check_reduced_motion(browser, url):
    browser.media(reduced=True)
    browser.open('about:blank')
    browser.open(url)
    check(browser.run('return motion') is False, 'motion though less of it is wanted')
    browser.media()


def check_large(browser):
    """5,000 steps: below 3 MB, and there at once."""
    path = make('large.html', '--limit', '5000', ['/bin/busybox', 'true'])
    size = os.path.getsize(path)
    check(size < MAX_5000_STEPS, f'5,000 steps take {size} bytes')
    start = time.monotonic()
    browser.open('file://' + path)
    browser.run('return here')
    seconds = time.monotonic() - start
    check(browser.run('return trace.steps.length') > 4000, 'steps are missing')
    check(seconds < FIRST_SCREEN_SECONDS, f'5,000 steps take {seconds:.1f} s to open')
    print(f'5,000 steps: {size} bytes, open in {seconds:.2f} s')


def main():
    if missing():
        print('test_page: skipped, not installed:', missing())
        sys.exit(77)
    os.makedirs(DIRECTORY, exist_ok=True)
    path = make('page.html', *RUN, [])
    with open(path, encoding='utf-8') as file:
        page = file.read()
    check(not re.search(r'(src|href)=|https?:', page), 'the page asks for something outside')
    check_contrast(page)
    url = 'file://' + path
    with Browser(1600, 1000) as browser:
        browser.open(url)
        check_against_trace(browser)
        forward, backward = browser.run(STATES, False), browser.run(STATES, True)
        check(forward == backward, 'going back does not give the states of going on')
        browser.run('go(0)')
        check_driving(browser)
        check_reduced_motion(browser, url)
        check_large(browser)
        check(not browser.errors(), f'the browser reports {browser.errors()}')
        browser.open(url + '#n=1086')
        browser.screenshot(os.path.join(DIRECTORY, 'page-light.png'))
    with Browser(420, 860, dark=True) as browser:
        browser.open(url + '#n=1086')
        check(browser.run('return document.documentElement.scrollWidth <= innerWidth'),
              'the page is wider than a telephone')
        browser.screenshot(os.path.join(DIRECTORY, 'page-phone.png'))
    print('test_page: every step as in the trace')


main()
