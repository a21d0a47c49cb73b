/* SPDX-License-Identifier: MIT */
/* Keys, mouse, links: everything that goes to another step. */
function go(to, quiet) {
  to = Math.max(0, Math.min(last(), to));
  document.body.classList.toggle('moving', motion && Math.abs(to - here) < 3);
  move(to);
  if (here < zoom[0] || here > zoom[1]) {
    const half = Math.round((zoom[1] - zoom[0]) / 2);
    zoom = [Math.max(0, here - half), Math.min(last(), here + half)];
  }
  draw();
  if (!quiet) history.replaceState(null, '', '#n=' + step().n);
}
function draw() {
  drawExplain(); drawCode(); drawRegisters(); drawStacks(); drawTables(); drawChecks(); drawTimeline();
  const s = step();
  $('count').textContent = 'step ' + s.n + '  ·  ' + (here + 1) + ' of ' + (last() + 1);
  if (!playing) $('live').textContent = 'Step ' + s.n + ', ring ' + s.after + ', ' + stackOf(s.stack) + ' stack. ' + s.code.asm + ' at ' +
    place(s.code) + '. ' + s.notes.map(n => n.text).join('. ');
}
function recolour() { drawnFor = ''; drawTimeline(); }
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', recolour);
const actions = {
  step: () => go(here + 1),
  back: () => go(here - 1),
  over: () => {
    const c = step().code, after = c.rip + BigInt(c.length), to = /^call/.test(c.asm) && (trace.at.get(after) || []).find(i => i > here);
    go(to || here + 1);
  },
  call: () => { const c = trace.calls.find(k => k.index > here); go(c ? c.index : last()); },
  callBack: () => { const c = trace.calls.filter(k => k.index < here).pop(); go(c ? c.index : 0); },
  first: () => go(0),
  end: () => go(last()),
  page: () => go(here + 20),
  pageBack: () => go(here - 20),
  play: () => {
    playing = playing ? (clearInterval(playing), 0) : setInterval(() => here === last() ? actions.play() : go(here + 1, true),
      1000 / Number($('speed').value));
    $('play').textContent = playing ? 'pause' : 'play';
    $('play').setAttribute('aria-label', playing ? 'Pause' : 'Play');
    if (!playing) go(here);
  },
  search: () => $('find').focus(),
  theme: () => {
    const dark = getComputedStyle(document.documentElement).colorScheme.includes('dark');
    document.documentElement.dataset.theme = dark ? 'light' : 'dark';
    recolour();
  },
  motion: () => { motion = !motion; },
  help: () => $('help').open ? $('help').close() : $('help').showModal(),
};
const KEYS = [
  ['ArrowRight j s', 'step', 'one step on'],
  ['ArrowLeft k S', 'back', 'one step back'],
  ['o', 'over', 'on, over a call'],
  ['n ]', 'call', 'next entry into the kernel'],
  ['p [', 'callBack', 'the entry before'],
  ['PageDown', 'page', '20 steps on'],
  ['PageUp', 'pageBack', '20 steps back'],
  ['Home g', 'first', 'the first step'],
  ['End G', 'end', 'the last step'],
  [' ', 'play', 'play and pause'],
  ['/', 'search', 'search: symbol, value in hexadecimal, #step'],
  ['t', 'theme', 'light or dark'],
  ['m', 'motion', 'motion on or off'],
  ['?', 'help', 'this list'],
];
$('help').innerHTML = '<h2>Keys</h2><dl>' + KEYS.map(k => '<dt>' + esc(k[0].replace(/^ $/, 'space').replace(/Arrow/g, '')) + '</dt><dd>' + k[2] + '</dd>').join('') +
  '</dl><p>A click on an instruction goes to where it runs next, with Shift before.<br>A click on a word of a stack goes to the step that wrote it.<br>The wheel zooms the timeline.</p>';

addEventListener('keydown', e => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.matches('input, select')) {
    if (e.key === 'Escape') e.target.blur();
    return;
  }
  if (e.key === ' ' && e.target.matches('button')) return;
  const row = KEYS.find(k => k[0] === e.key || k[0].split(' ').includes(e.key));
  if (row) { e.preventDefault(); actions[row[1]](); }
});
$('controls').addEventListener('click', e => { const b = e.target.closest('[data-act]'); if (b) actions[b.dataset.act](); });
$('theme').addEventListener('click', actions.theme);
$('help-button').addEventListener('click', actions.help);
$('speed').addEventListener('change', () => { if (playing) { actions.play(); actions.play(); } });

$('code-body').addEventListener('click', e => {
  const line = e.target.closest('[data-rip]');
  if (!line) return;
  const list = trace.at.get(big(line.dataset.rip)) || [];
  const to = e.shiftKey ? list.filter(i => i < here).pop() : list.find(i => i > here) ?? list.filter(i => i < here).pop();
  if (to !== undefined) go(to);
});
$('stack-body').addEventListener('click', e => {
  const slot = e.target.closest('[data-linear]');
  const writer = slot && writerOf(big(slot.dataset.linear));
  if (writer !== undefined && slot) go(writer);
});
/* What a thing is, beside it. */
function tipFor(target) {
  const field = target.closest('[data-tip]'), slot = target.closest('[data-linear]');
  if (field) return field.dataset.tip;
  if (!slot) return '';
  const linear = big(slot.dataset.linear), writer = writerOf(linear);
  asked = linear;
  return (trace.names.get(linear) || 'stack word') + ' at ' + hex(linear) + '\n' + (writer === undefined ? 'not written in this trace so far'
    : 'written by step ' + trace.steps[writer].n + ': ' + trace.steps[writer].code.asm + '\nat ' + place(trace.steps[writer].code));
}
addEventListener('mousemove', e => {
  const tip = $('tip'), was = asked;
  asked = 0n;
  const text = e.target.closest ? tipFor(e.target) : '';
  tip.hidden = !text;
  if (was !== asked) drawTables();
  if (!text) return;
  tip.textContent = text;
  tip.style.left = Math.min(e.clientX + 14, innerWidth - tip.offsetWidth - 8) + 'px';
  tip.style.top = Math.min(e.clientY + 16, innerHeight - tip.offsetHeight - 8) + 'px';
});

const timeline = $('timeline');
const under = e => Math.floor(zoom[0] + (e.clientX - timeline.getBoundingClientRect().left) / timeline.clientWidth * (zoom[1] - zoom[0] + 1));
timeline.addEventListener('pointerdown', e => { timeline.setPointerCapture(e.pointerId); go(under(e)); });
timeline.addEventListener('pointermove', e => { if (e.buttons) go(under(e)); });
timeline.addEventListener('wheel', e => {
  e.preventDefault();
  const at = under(e), factor = e.deltaY < 0 ? 0.8 : 1.25;
  const from = Math.max(0, Math.round(at - (at - zoom[0]) * factor)), to = Math.min(last(), Math.round(at + (zoom[1] - at) * factor));
  if (to - from > 10) zoom = [from, to];
  drawTimeline();
}, {passive: false});

/* A step, a symbol, or a value in a register or in memory; from here on, then from the beginning. */
function search(text) {
  const number = /^#?(\d+)$/.exec(text), value = /^(0x)?[0-9a-f]+$/i.test(text) ? big(text.replace(/^0x/i, '')) : null;
  if (/^#/.test(text) && number) return trace.steps.findIndex(s => s.n >= Number(number[1]));
  const hit = s => (s.code.symbol && place(s.code).includes(text)) || s.code.asm.includes(text) || s.mem.some(m => m.name.includes(text)) ||
    (value !== null && (s.changes.some((c, i) => i % 3 === 2 && c === value) || s.mem.some(m => m.value === value || m.linear === value)));
  for (let i = 1; i <= trace.steps.length; i++) {
    const at = (here + i) % trace.steps.length;
    if (hit(trace.steps[at])) return at;
  }
  return -1;
}
$('find').addEventListener('keydown', e => {
  if (e.key !== 'Enter' || !e.target.value) return;
  const to = search(e.target.value.trim());
  e.target.setAttribute('aria-invalid', to < 0);
  e.target.style.borderColor = to < 0 ? 'var(--bad)' : '';
  if (to >= 0) go(to);
});

function fromLink() {
  const match = /^#(?:n=)?(\d+)$/.exec(location.hash);
  const to = match ? trace.steps.findIndex(s => s.n >= Number(match[1])) : -1;
  return to >= 0 ? to : trace.calls.length && location.hash === '' ? trace.calls[0].index : 0;
}
addEventListener('hashchange', () => go(fromLink()));
addEventListener('resize', () => { fit = null; draw(); });
$('what').textContent = [data.kernel, data.mitigations === 'none' ? '' : data.mitigations].filter(Boolean).join(' · ');
$('where').textContent = data.cpu + ', cycles are an estimate for ' + data.cycles;
$('legend').innerHTML = [['user', 'user: ring 3, user stack, user’s page table'], ['entry', 'entry stack'], ['kernel', 'kernel: ring 0, kernel stack, kernel’s page table'], ['ist', 'IST stack'], ['bad', 'dangerous window']]
  .map(l => '<span><b style="background:var(--' + l[0] + ')"></b>' + l[1] + '</span>').join('') + '<span>bands: ring, stack, CR3</span>';
if (trace.steps.length) go(fromLink());
else document.querySelector('main').textContent = 'This trace has no steps.';
