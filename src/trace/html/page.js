/* SPDX-License-Identifier: MIT */
'use strict';
const $ = id => document.getElementById(id);
const data = JSON.parse($('data').textContent);
const STACKS = ['none', 'user', 'entry', 'kernel', 'ist'];
const NOTES = [['explain', '·'], ['check', '✓'], ['syscall', '='], ['warning', '!']];
const WORD = 8n;
const big = text => BigInt('0x' + text);
const FIELD = Object.fromEntries(data.fields.map((f, i) => [f[0], i]));

/* The records with every reference followed: what each step did, and what it left behind. */
const trace = (() => {
  const texts = [], codes = [], steps = [];
  const text = t => typeof t === 'string' ? (texts.push(t), t) : texts[t];
  const instruction = c => ({rip: big(c[0]), length: c[1], asm: text(c[2]), symbol: text(c[3]), offset: c[4],
    target: c[5] ? big(c[5]) : 0n});
  const words = new Map(), first = new Map(), names = new Map(), writers = new Map(), ranges = [], lastRsp = [];
  const walks = new Map();
  let fields = [], rsp = [], ring3 = -1, calls = [];
  const set = (changes, key, value) => {
    const map = typeof key === 'number' ? fields : words;
    const before = typeof key === 'number' ? fields[key] : words.get(key);
    if (before === value) return;
    changes.push(key, before, value);
    if (map === fields) fields[key] = value; else words.set(key, value);
  };
  /* A value of any size at any address into the words it covers. */
  const store = (changes, linear, size, value) => {
    for (let at = linear & ~7n; at < linear + BigInt(size); at += WORD) {
      let word = words.get(at);
      for (let i = 0n; i < BigInt(Math.min(size, 8)); i++) {
        const into = linear + i - at;
        if (into < 0n || into >= 8n) continue;
        word = ((word || 0n) & ~(255n << 8n * into)) | ((value >> 8n * i & 255n) << 8n * into);
      }
      set(changes, at, word);
    }
  };
  for (const r of data.steps) {
    const [n, cycle, cpl, stack, kind, repeat] = r;
    const changes = [], index = steps.length;
    if (Array.isArray(r[6])) codes.push(instruction(r[6]));
    const code = codes[Array.isArray(r[6]) ? codes.length - 1 : r[6]];
    for (let i = 0; i < r[7].length; i += 2) set(changes, r[7][i], big(r[7][i + 1]));
    const sync = changes.length;
    for (let i = 0; i < r[8].length; i += 2) set(changes, r[8][i], big(r[8][i + 1]));
    const mem = [];
    for (let i = 0; i < r[9].length; i += 6) {
      const m = {write: r[9][i], linear: big(r[9][i + 1]), size: r[9][i + 2], old: r[9][i + 3] ? big(r[9][i + 3]) : null,
        value: big(r[9][i + 4]), name: text(r[9][i + 5])};
      mem.push(m);
      if (m.size > 8) continue;
      const word = m.linear & ~7n;
      if (m.old !== null && !words.has(word) && !first.has(word)) {
        first.set(word, m.size === 8 ? m.old : undefined);
        if (m.size === 8) words.set(word, m.old);
      }
      if (m.name && m.linear === word) names.set(word, m.name);
      if (m.write || m.size === 8) store(changes, m.linear, m.size, m.value);
      if (m.write) writers.has(word) ? writers.get(word).push(index) : writers.set(word, [index]);
    }
    const msrs = [];
    for (let i = 0; i < r[10].length; i += 4) msrs.push({write: r[10][i], name: text(r[10][i + 1]), old: big(r[10][i + 2]), value: big(r[10][i + 3])});
    const notes = [];
    for (let i = 0; i < r[11].length; i += 2) notes.push({kind: r[11][i], text: text(r[11][i + 1])});
    for (let i = 0; i < r[13].length; i += 3) {
      const key = r[13][i] + ' ' + r[13][i + 1];
      if (!walks.has(key)) walks.set(key, []);
      walks.get(key).push([index, text(r[13][i + 2])]);
    }
    for (const s of r[14]) {
      if (s[0] > 1) ranges[s[0]] = {bottom: big(s[1]), top: big(s[2])};
      s[3].forEach((name, i) => {
        const t = text(name);
        if (t) names.set(big(s[2]) - WORD * BigInt(i + 1), t);
      });
      for (let i = 0; i < s[4].length; i += 2) {
        const word = big(s[4][i]), value = big(s[4][i + 1]);
        if (!words.has(word)) { first.set(word, value); words.set(word, value); } else set(changes, word, value);
      }
    }
    if (stack && rsp[stack] !== fields[FIELD.rsp]) { rsp = rsp.slice(); rsp[stack] = fields[FIELD.rsp]; }
    const after = fields[FIELD.cs] === undefined ? cpl : Number(fields[FIELD.cs] & 3n);
    if (cpl === 3 && after !== 3) {
      ring3 = index;
      const entry = notes.find(x => /^(SYSCALL|SYSENTER|INT|exception)/.test(x.text));
      const name = entry && /\(([a-z_0-9]+)\)/.exec(entry.text);
      calls.push({index, name: r[19] !== undefined ? text(r[19]) : name ? name[1] : entry ? entry.text.split(/[ :,]/)[0].toLowerCase() : 'enter'});
    } else if (r[19] !== undefined) text(r[19]);
    steps.push({n, cycle, cpl, after, stack, kind, repeat, code, changes, sync, mem, msrs, notes, walk: r[12],
      checks: r[15], window: r[16], userRoot: big(r[17]), kernelRoot: big(r[18]), rsp, entry: ring3});
  }
  const between = data.between.map(c => Object.assign(instruction(c), {never: true}));
  const seen = new Set(codes.map(c => c.rip));
  const listing = codes.concat(between.filter(c => !seen.has(c.rip)));
  listing.sort((a, b) => a.rip < b.rip ? -1 : a.rip > b.rip ? 1 : 0);
  const unique = listing.filter((c, i) => !i || c.rip !== listing[i - 1].rip);
  const lineOf = new Map(unique.map((c, i) => [c.rip, i]));
  const at = new Map();
  steps.forEach((s, i) => at.has(s.code.rip) ? at.get(s.code.rip).push(i) : at.set(s.code.rip, [i]));
  return {steps, first, listing: unique, lineOf, at, names, writers, ranges, walks, calls};
})();

/* The state behind step `here`; moving applies or takes back what lies between. */
const state = {fields: [], words: new Map()};
let here = -1;
const put = (key, value) => {
  if (typeof key === 'number') state.fields[key] = value;
  else if (value === undefined) state.words.delete(key);
  else state.words.set(key, value);
};
function move(to) {
  while (here < to) {
    const c = trace.steps[++here].changes;
    for (let i = 0; i < c.length; i += 3) put(c[i], c[i + 2]);
  }
  while (here > to) {
    const c = trace.steps[here--].changes;
    for (let i = c.length - 3; i >= 0; i -= 3) put(c[i], c[i + 1]);
  }
}
for (const [word, value] of trace.first) /* what its first access found there */
  if (value !== undefined) state.words.set(word, value);

const hex = v => v.toString(16);
const esc = t => t.replace(/[&<>"]/g, c => '&#' + c.charCodeAt(0) + ';');
const place = c => c.symbol ? c.symbol + (c.offset ? '+0x' + c.offset.toString(16) : '') : '0x' + hex(c.rip);
const padded = v => {
  const digits = hex(v);
  return '<span class="zeros">' + '0'.repeat(Math.max(0, 16 - digits.length)) + '</span>' + digits;
};
const last = () => trace.steps.length - 1;
const shortName = name => name.replace(/^pt_regs\./, '').replace(/^pt_regs\[1\]\./, '¹').replace(/^entry_stack_top/, '');
const step = () => trace.steps[here];
const stackOf = kind => STACKS[kind] || 'none';
const colour = name => 'var(--' + (name === 'none' ? 'quiet' : name) + ')';
