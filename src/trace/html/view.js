/* SPDX-License-Identifier: MIT */
/* Draws the state behind the current step; page.js keeps it. */
let motion = !matchMedia('(prefers-reduced-motion: reduce)').matches;
let playing = 0, zoom = [0, Math.max(1, last())], asked = 0n;
const changedNow = () => {
  const c = step().changes, m = new Map();
  for (let i = step().sync; i < c.length; i += 3) m.has(c[i]) || m.set(c[i], c[i + 1]);
  const c0 = step().code; /* going on to the next instruction is no news */
  if (m.get(FIELD.rip) === c0.rip && state.fields[FIELD.rip] === c0.rip + BigInt(c0.length)) m.delete(FIELD.rip);
  return m;
};

/* How many rows fit; asked for once a size, since asking makes the browser lay the page out. */
let fit = null;
function fitting() {
  if (!fit) fit = {width: $('timeline').clientWidth, height: $('timeline').clientHeight, colours: getComputedStyle(document.documentElement), code: Math.max(5, Math.floor($('code-body').clientHeight / 18)),
    slots: matchMedia('(max-width:760px)').matches ? 26 : Math.max(12, Math.floor(($('stack-body').clientHeight - 26) / 18))};
  return fit;
}

function drawExplain() {
  const s = step();
  $('instruction').innerHTML = esc(s.code.asm || s.fault || '') + (s.repeat > 1 ? ' ×' + s.repeat : '') +
    '<span class="ring">' + esc(place(s.code)) + ' · ring ' + s.cpl + (s.after !== s.cpl ? ' → ' + s.after : '') +
    ' · ' + stackOf(s.stack) + ' stack · cycle ' + s.cycle + '</span>';
  $('notes').innerHTML = s.notes.map(n => '<p class="' + NOTES[n.kind][0] + '"><span class="mark">' + NOTES[n.kind][1] +
    '</span>' + esc(n.text) + '</p>').join('');
  const parts = [];
  const change = (name, old, value) => '<span>' + esc(name) + ' ' +
    (old === undefined || old === null || old === value ? '' : '<span class="old">' + hex(old) + '</span> ') +
    '<b>' + hex(value) + '</b></span>';
  for (const [key, old] of changedNow())
    if (typeof key === 'number' && key !== FIELD.rip && data.fields[key][1] !== 4)
      parts.push(key === FIELD.rflags ? '<span>' + flagText(old, state.fields[key]) + '</span>'
        : change(data.fields[key][0], old, state.fields[key]));
  for (const m of s.mem.slice(0, 24))
    parts.push(m.write ? change(m.name || '[' + hex(m.linear) + ']', m.old, m.value)
      : '<span>' + esc(m.name || '[' + hex(m.linear) + ']') + ' read <b>' + hex(m.value) + '</b></span>');
  for (const m of s.msrs) if (!m.write) parts.push('<span>' + esc(m.name) + ' read <b>' + hex(m.value) + '</b></span>');
  $('effects').innerHTML = parts.join('');
}

const flagText = (old, value) => data.flags.filter(f => old !== undefined && (old ^ value) >> BigInt(f[0]) & 1n)
  .map(f => (value >> BigInt(f[0]) & 1n ? '+' : '−') + f[1]).join(' ') || 'rflags';

function drawCode() {
  const body = $('code-body'), rows = fitting().code, s = step();
  const centre = trace.lineOf.get(s.code.rip), next = state.fields[FIELD.rip];
  const out = [];
  let from = centre, used = 0, current = 0;
  while (from > 0 && used < rows * 0.4) {
    from--;
    used += trace.listing[from].offset === 0 || trace.listing[from].rip + BigInt(trace.listing[from].length) !== trace.listing[from + 1].rip ? 2 : 1;
  }
  const ring = c => c.rip >> 63n ? 'kernel' : 'user';
  for (let i = from; i < trace.listing.length && out.length < rows; i++) {
    const c = trace.listing[i], before = trace.listing[i - 1];
    const gap = before && before.rip + BigInt(before.length) !== c.rip;
    if (c.symbol && (c.offset === 0 || !before || before.symbol !== c.symbol))
      out.push('<div class="symbol">' + esc(c.symbol) + ':</div>');
    else if (gap && out.length) out.push('<div class="symbol gap">⋯</div>');
    if (i === centre) current = out.length;
    const target = s.code.target === c.rip && i !== centre;
    out.push('<div class="line' + (i === centre ? ' current' : '') + (c.rip === next && i !== centre ? ' next' : target ? ' target' : '') +
      (c.never ? ' never' : '') + '" data-rip="' + hex(c.rip) + '" style="--stack:' + colour(ring(c)) + '"' +
      (i === centre ? ' aria-current="step"' : '') + '><i></i><span class="at">' + (c.symbol ? '+' + c.offset.toString(16) : hex(c.rip).slice(-8)) +
      '</span><span>' + esc(c.asm || '(not present)') + '</span></div>');
  }
  body.innerHTML = out.slice(0, rows).join('');
}

/* Registers: the rows stay, what is in them changes. */
const rows = new Map();
(() => {
  const names = ['General', 'Segments', 'Control', 'MSR', 'TSS'];
  for (let g = 0; g < names.length; g++) {
    const group = document.createElement('div');
    group.className = 'group';
    group.setAttribute('role', 'list');
    group.setAttribute('aria-label', names[g]);
    data.fields.forEach((f, i) => {
      if (f[1] !== g) return;
      const row = document.createElement('div');
      row.className = 'reg';
      row.setAttribute('role', 'listitem');
      row.dataset.tip = f[0] + ': ' + f[2];
      row.innerHTML = '<span class="name">' + esc(f[0]) + '</span><span class="old"></span><span class="now"></span>';
      group.append(row);
      rows.set(i, row);
      if (i === FIELD.rflags) {
        const flags = document.createElement('div');
        flags.className = 'flags';
        flags.id = 'flags';
        group.append(flags);
      }
    });
    $('register-body').append(group);
  }
})();

/* Rows that are zero all through the trace have no place. */
const used = new Set(data.fields.keys());
data.fields.forEach((f, i) => { if (f[1] !== 0 && i !== FIELD.KERNEL_GS_BASE && i !== FIELD['gs.base']) used.delete(i); });
for (const s of trace.steps) for (let i = 0; i < s.changes.length; i += 3)
  if (typeof s.changes[i] === 'number' && s.changes[i + 2]) used.add(s.changes[i]);

function drawRegisters() {
  const changed = changedNow();
  for (const [i, row] of rows) {
    const value = state.fields[i], was = changed.get(i), group = data.fields[i][1];
    row.hidden = value === undefined;
    if (value === undefined) continue;
    row.style.display = used.has(i) ? '' : 'none';
    row.classList.toggle('changed', changed.has(i));
    row.children[1].textContent = changed.has(i) && was !== undefined ? hex(was) : '';
    row.children[2].innerHTML = group === 1 && data.fields[i][0].length === 2 ? hex(value) : padded(value);
  }
  const flags = state.fields[FIELD.rflags] || 0n, old = changed.has(FIELD.rflags) ? changed.get(FIELD.rflags) || flags : flags;
  $('flags').innerHTML = data.flags.map(f => {
    const bit = BigInt(f[0]);
    return '<span class="' + (flags >> bit & 1n ? 'on' : '') + ((flags ^ old) >> bit & 1n ? ' flip' : '') + '">' + f[1] + '</span>';
  }).join('');
}

/* The words of a stack that are shown, by falling address. */
function slotsOf(kind, rows) {
  const rsp = step().rsp[kind], range = trace.ranges[kind], out = [];
  if (kind === 1) {
    if (rsp === undefined) return out;
    const top = (rsp & ~63n) + WORD * BigInt(Math.max(8, Math.min(rows - 8, 24)));
    for (let i = 1; i <= rows; i++) out.push(top - WORD * BigInt(i));
    return out;
  }
  if (!range) return out;
  const low = (rsp === undefined ? range.top : rsp & ~7n) - 2n * WORD, depth = Number((range.top - low) / WORD);
  const head = depth <= rows ? rows : Math.min(21, rows >> 1);
  for (let i = 1; i <= head; i++) out.push(range.top - WORD * BigInt(i));
  for (let i = head; i < rows; i++) out.push(low + WORD * BigInt(rows - 1 - i));
  return out;
}

const writerOf = linear => {
  const list = trace.writers.get(linear);
  if (!list) return undefined;
  let low = 0, high = list.length;
  while (low < high) { const mid = low + high >> 1; list[mid] <= here ? low = mid + 1 : high = mid; }
  return low ? list[low - 1] : undefined;
};

function drawStacks() {
  const body = $('stack-body'), s = step(), changed = changedNow(), rsp = state.fields[FIELD.rsp];
  const read = new Set(s.mem.filter(m => !m.write).map(m => m.linear & ~7n));
  const wrote = new Set(s.mem.filter(m => m.write).map(m => m.linear & ~7n));
  const titles = {1: 'User stack', 2: 'Entry stack', 3: 'Kernel stack', 4: 'IST stack'};
  let html = '';
  for (let kind = 1; kind <= 4; kind++) {
    const slots = slotsOf(kind, fitting().slots);
    if (!slots.length || (kind === 4 && s.rsp[4] === undefined)) continue;
    const active = s.stack === kind, top = s.rsp[kind], inside = s.after !== 3;
    html += '<div class="stack' + (active ? ' active' : '') + '" style="--stack:' + colour(STACKS[kind]) + '"><h3><span>' + titles[kind] +
      '</span><small>' + (active ? 'rsp ' + hex(rsp) : kind === 1 || inside ? top === undefined ? '' : 'was ' + hex(top) : 'empty') + '</small></h3>';
    slots.forEach((linear, i) => {
      const value = state.words.get(linear), name = trace.names.get(linear) || '';
      const writer = writerOf(linear), free = top === undefined || linear < (top & ~7n) || (kind !== 1 && !inside);
      const reserved = inside && s.entry >= 0 && kind === 3 && name.startsWith('pt_regs.') && !wrote.has(linear) && (writer === undefined || writer < s.entry);
      html += '<div class="slot' + (reserved ? ' reserved' : free ? ' free' : '') + (wrote.has(linear) ? ' changed' : read.has(linear) ? ' read' : '') +
        (i && slots[i - 1] !== linear + WORD ? ' gap' : '') + '" data-linear="' + hex(linear) + '"><span class="name">' +
        esc(shortName(name)) + '</span><span class="value">' +
        (reserved ? '' : value === undefined ? '·' : padded(value)) + '</span></div>';
    });
    html += '</div>';
  }
  body.querySelectorAll('.stack').forEach(x => x.remove());
  body.insertAdjacentHTML('beforeend', html);
  requestAnimationFrame(() => {
    const active = body.querySelector('.stack.active'); /* a narrow page shows the stack in use */
    if (active && body.scrollWidth > body.clientWidth) body.scrollLeft = active.offsetLeft - 4;
    drawArrow(body, state.fields[FIELD.rsp]);
  });
  const open = s.window, names = ['RSP', 'GS', 'CR3'].filter((_, i) => open >> i & 1);
  $('window').hidden = !open;
  $('window').textContent = '⚠ ring 0 with the user’s ' + names.join(', ');
}

function drawArrow(body, rsp) {
  let arrow = $('arrow');
  if (!arrow) { arrow = document.createElement('div'); arrow.id = 'arrow'; arrow.textContent = '▸'; body.append(arrow); }
  const slot = rsp === undefined ? null : body.querySelector('.stack.active [data-linear="' + hex(rsp & ~7n) + '"]');
  const head = body.querySelector('.stack.active h3');
  arrow.style.visibility = slot || head ? '' : 'hidden';
  const to = slot || head;
  if (to) arrow.style.transform = 'translate(' + to.offsetLeft + 'px,' + (slot ? to.offsetTop : to.offsetTop + 14) + 'px)';
}

function walkOf(root, linear) {
  const list = trace.walks.get(hex(root) + ' ' + hex(linear & ~4095n));
  if (!list) return null;
  let found = list[0][1];
  for (const [index, text] of list) if (index <= here) found = text;
  return found;
}

function drawTables() {
  const s = step(), cr3 = state.fields[FIELD.cr3] || 0n, root = cr3 & 0xffffffffff000n;
  const pcide = (state.fields[FIELD.cr4] || 0n) >> 17n & 1n, two = s.userRoot && s.kernelRoot && s.userRoot !== s.kernelRoot;
  const linear = asked || (s.mem.length ? s.mem[s.mem.length - 1].linear : s.code.rip);
  const wrote = changedNow().has(FIELD.cr3);
  let html = '<div class="cr3"><span>cr3 <b>' + hex(cr3) + '</b></span><span>base <b>' + hex(root) + '</b></span><span>PCID <b>' +
    (pcide ? hex(cr3 & 0xfffn) : 'off') + '</b></span>' + (wrote ? '<span class="good">just written' +
    (s.notes.some(n => /NOFLUSH/.test(n.text)) ? ', NOFLUSH' : '') + '</span>' : '') + '</div>';
  const name = trace.names.get(linear & ~7n);
  html += '<div style="margin-top:5px">' + (s.mem.length && !asked ? 'last access ' : asked ? 'under the pointer ' : 'instruction ') + '<b>' + hex(linear) + '</b>' + (name ? ' ' + esc(name) : '') + '</div>';
  html += '<table><tr><th></th><th>translates to</th><th>PML4E</th><th>PDPTE</th><th>PDE</th><th>PTE</th></tr>';
  const lines = two ? [['user', s.userRoot], ['kernel', s.kernelRoot]] : [['one table for both', root]];
  for (const [label, base] of lines) {
    const text = walkOf(base, linear);
    const parts = text === null ? [] : text.split('=')[0].split(' ').filter(Boolean).map(e => e.split(':')[2]);
    while (parts.length < 4) parts.push('');
    html += '<tr class="' + (base === root ? 'active' : '') + '"><th>' + (base === root ? '▸ ' : '  ') + label + ' ' + hex(base) + '</th>' +
      '<td class="' + (text === null ? '' : text.includes('=') ? 'good' : 'bad') + '">' +
      (text === null ? 'not seen' : text.includes('=') ? '✓ ' + hex(big(text.split('=')[1].split(':')[0]) + (linear & 4095n)) : '✗ nothing') + '</td>' + parts.map(p => '<td>' + p + '</td>').join('') + '</tr>';
  }
  html += '</table>';
  if (s.walk.length) html += '<div class="quiet" style="color:var(--quiet);margin-top:5px">TLB missed: this step walked the tables for ' +
    [...new Set(s.walk.map(w => w[2]))].join(', ') + '</div>';
  $('table-body').innerHTML = html;
}

function drawChecks() {
  const s = step();
  $('check-body').innerHTML = data.checks.map((name, i) => {
    const r = s.checks[i];
    return '<li class="' + (r === '1' ? 'good' : r === '2' ? 'bad' : 'todo') + '">' + (r === '1' ? '✓ ' : r === '2' ? '✗ ' : '○ ') + esc(name) + '</li>';
  }).join('');
}

/* The timeline: three bands (ring, stack, table), calls as labels. It is drawn once for a zoom and
 * a theme; what moves is the mark. */
const bands = document.createElement('canvas');
let drawnFor = '', ink = '';
function drawBands(w, h, ratio, get) {
  const g = bands.getContext('2d'), left = zoom[0], span = Math.max(1, zoom[1] - zoom[0]);
  const colours = STACKS.map(n => get(n === 'none' ? 'rule' : n)), warning = get('bad'), band = Math.max(h - 22, 18) / 3;
  bands.width = Math.round(w * ratio);
  bands.height = Math.round(h * ratio);
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.font = '11px system-ui, "DejaVu Sans", sans-serif';
  for (let px = 0; px < w; px++) {
    const s = trace.steps[Math.max(0, Math.min(last(), Math.floor(left + px / w * (span + 1))))];
    [s.after === 3 ? 1 : 3, s.stack, userTable(s) ? 1 : 3].forEach((colour, row) => {
      g.fillStyle = colours[colour];
      g.fillRect(px, 20 + row * band, 1, band - 1);
    });
    if (s.window) { g.fillStyle = warning; g.fillRect(px, 17, 1, 2); }
  }
  g.fillStyle = get('quiet');
  let free = -1;
  for (const c of trace.calls) {
    const at = (c.index - left) / (span + 1) * w;
    if (at < 0 || at > w) continue;
    g.fillRect(at, 12, 1, 7);
    if (at > free) { g.fillText(c.name, at + 3, 13); free = at + g.measureText(c.name).width + 10; }
  }
}

function drawTimeline() {
  const canvas = $('timeline'), ratio = devicePixelRatio || 1, w = fitting().width, h = fitting().height;
  const get = name => fit.colours.getPropertyValue('--' + name).trim();
  const wanted = [w, h, ratio, zoom].join();
  if (wanted !== drawnFor) { drawBands(w, h, ratio, get); drawnFor = wanted; ink = get('ink'); }
  canvas.width = bands.width;
  canvas.height = bands.height;
  const g = canvas.getContext('2d');
  if (bands.width && bands.height) g.drawImage(bands, 0, 0);
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.fillStyle = ink;
  const now = (here + 0.5 - zoom[0]) / (Math.max(1, zoom[1] - zoom[0]) + 1) * w;
  g.fillRect(now - 1, 10, 2, h - 10);
  g.beginPath(); g.moveTo(now - 5, 6); g.lineTo(now + 5, 6); g.lineTo(now, 13); g.fill();
  canvas.setAttribute('aria-valuemax', last());
  canvas.setAttribute('aria-valuenow', here);
  canvas.setAttribute('aria-valuetext', 'step ' + step().n);
}
/* Roots are known only once both were seen: the step that shows them tells for all. */
const roots = trace.steps.reduce((r, s) => s.userRoot && s.kernelRoot && s.userRoot !== s.kernelRoot ? s : r, null);
let cr3Cache = null;
function userTable(s) {
  if (!roots) return false;
  if (!cr3Cache) {
    cr3Cache = new Map();
    let cr3;
    for (const t of trace.steps) {
      for (let i = 0; i < t.changes.length; i += 3) if (t.changes[i] === FIELD.cr3) cr3 = t.changes[i + 2];
      cr3Cache.set(t, (cr3 & 0xffffffffff000n) === roots.userRoot);
    }
  }
  return cr3Cache.get(s);
}
