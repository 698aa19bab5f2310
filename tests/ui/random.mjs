// SPDX-License-Identifier: MIT
// A thousand random acts on the page: marks, tags, filters, choices, undo, modes, reloads, restarts of the server and
// changes by others. A model of the page in this test makes the same changes, and the catalog must equal the model
// after each act. GOLDPAN_UI_SEED repeats a run; GOLDPAN_UI_ACTS is the number of acts. `make test` runs 400 of
// them with a fixed seed, to stay within its time.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { explore, hashOf, it, keepScreenshot, makeCatalog, moreCopies, openBrowser, openPage, settle, sql, until, view } from './support.mjs';

const seed = Number(process.env.GOLDPAN_UI_SEED ?? process.argv[4] ?? Math.floor(Math.random() * 2 ** 31));
const ACTS = Number(process.env.GOLDPAN_UI_ACTS ?? process.argv[3] ?? 1000);
const PORT = String(21000 + (process.pid % 11000));

/** mulberry32 */
let state = seed;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const pick = (list) => list[Math.floor(random() * list.length)];

let pictures, server, browser, page;
/** the expected marks by hash */
const model = {
  images: [], // the images by row: {hash, category, suggested, prompt, copies, score, corrected}
  marks: new Map(), // hash -> {flag, stars}
  tags: new Set(), // "hash tag"
  chosen: new Set(),
  filter: { mark: 'all', category: null, any: false },
  view: 'Review',
  /** `stacks`: the kind of stacks that is folded now; `lastStacks`: the kind of stacks that the key S folds; `opened`:
   * the hash of one picture of each opened stack */
  stacks: 'off',
  lastStacks: 'near',
  opened: new Set(),
  done: [],
  undone: [],
};

const markOf = (hash) => model.marks.get(hash) ?? { flag: 0, stars: 0 };
function shown() {
  const { mark, category } = model.filter;
  return model.images.filter(({ hash, category: own, suggested }) => {
    const { flag } = markOf(hash);
    const byMark = mark === 'all' || (mark === 'undecided' ? flag === 0 : mark === 'picked' ? flag > 0 : mark === 'rejected' ? flag < 0 : suggested);
    return byMark && (category === null || own === category);
  });
}
/** Returns the number of the stack of an image, or undefined if the image is in no stack. Review does not fold the
 * pictures of a prompt. */
function stackOf({ prompt, copies }) {
  if (model.stacks === 'near') return copies;
  return model.stacks === 'prompt' && model.view !== 'Review' ? prompt : undefined;
}
const isOpen = (image) => model.images.some((other) => model.opened.has(other.hash) && stackOf(other) === stackOf(image));
/** Returns the top picture of a stack: the user's pick, else goldpan's suggestion, else the first picture in the order
 * shown. */
function topOf(members) {
  const column = model.view === 'Review' ? 'score' : 'corrected';
  const value = (image) => (Number.isNaN(image[column]) ? -Infinity : image[column]);
  const rank = (image) => (markOf(image.hash).flag > 0 ? 2 : image.suggested ? 1 : 0);
  return members.reduce((best, one) => (rank(one) - rank(best) || value(one) - value(best)) > 0 ? one : best);
}
/** Returns the pictures that the page shows: those that pass the filters, without those that a folded stack hides. */
function inSight() {
  const passing = shown();
  const stacks = new Map();
  for (const image of passing) {
    const stack = stackOf(image);
    if (stack !== undefined) stacks.set(stack, [...(stacks.get(stack) ?? []), image]);
  }
  return passing.filter((image) => {
    const members = stacks.get(stackOf(image));
    return !members || isOpen(image) || topOf(members) === image;
  });
}
function narrow() {
  const visible = new Set(inSight().map(({ hash }) => hash));
  for (const hash of model.chosen) if (!visible.has(hash)) model.chosen.delete(hash);
}
function setMarks(hashes, change) {
  const step = [];
  for (const hash of hashes) {
    const was = markOf(hash);
    const now = { ...was, ...change };
    if (was.flag === now.flag && was.stars === now.stars) continue;
    step.push({ hash, was, now });
    model.marks.set(hash, now);
  }
  if (step.length) {
    model.done.push({ marks: step });
    model.undone = [];
  }
  narrow();
}
function putTag(hashes, tag, removed) {
  for (const hash of hashes) removed ? model.tags.delete(`${hash} ${tag}`) : model.tags.add(`${hash} ${tag}`);
}
function setTag(hashes, tag, removed) {
  const changed = hashes.filter((hash) => model.tags.has(`${hash} ${tag}`) === removed);
  if (!changed.length) return;
  putTag(changed, tag, removed);
  model.done.push({ tag, hashes: changed, removed });
  model.undone = [];
}
function setFilter(change) {
  const was = model.filter;
  model.filter = { ...was, ...change };
  if (JSON.stringify(was) === JSON.stringify(model.filter)) return;
  model.done.push({ filter: [was, model.filter] });
  model.undone = [];
  narrow();
}
function travel(from, to, side) {
  const step = from.pop();
  if (!step) return;
  to.push(step);
  if (step.filter) model.filter = step.filter[side];
  else if (step.tag) putTag(step.hashes, step.tag, step.removed === Boolean(side));
  else for (const { hash, was, now } of step.marks) model.marks.set(hash, side ? now : was);
  narrow();
}

const currentHash = async () => {
  const cell = page.locator('.main [aria-current="true"]');
  if (shown().length === 0) return null;
  // It may take a frame until the view has scrolled to the picture.
  await until(async () => (await cell.count()) > 0, 'pictures are shown and none is current');
  return model.images[Number(await cell.first().getAttribute('data-row'))].hash;
};
const cellHashes = async () => (await page.locator('.main [data-row]').evaluateAll((all) => all.map((one) => Number(one.dataset.row)))).map((row) => ({ row, hash: model.images[row].hash }));

function setStacks(kind) {
  const was = model.stacks;
  model.stacks = kind;
  if (kind !== 'off') model.lastStacks = kind;
  model.opened.clear();
  narrow();
  detail = `${was} to ${kind}`;
}

/** what the last act did */
let detail = '';

/** Presses a key that marks pictures, after checking which pictures it applies to. */
async function pressMark(key, change) {
  const target = model.chosen.size ? [...model.chosen] : [await currentHash()].filter(Boolean);
  if (!model.chosen.size && target.length) assert.ok(inSight().some(({ hash }) => hash === target[0]), 'the current picture is not in sight');
  await page.keyboard.press(key);
  setMarks(target, change);
  detail = `${key} on ${target.length > 3 ? `${target.length} pictures` : target.map((hash) => hash.slice(0, 6))}`;
}

/** Opens the field for tags and adds `tag`, or removes `tag` if `removed` is true. */
async function changeTag(tag, removed) {
  const target = model.chosen.size ? [...model.chosen] : [await currentHash()].filter(Boolean);
  if (!target.length) return;
  await page.keyboard.press('t');
  const dialog = page.getByRole('dialog', { name: /^Tags of/ });
  await dialog.waitFor();
  const present = target.some((hash) => model.tags.has(`${hash} ${tag}`));
  if (removed && present) await dialog.getByRole('button', { name: `Remove the tag ${tag}`, exact: true }).click();
  if (!removed) await page.keyboard.type(tag);
  if (!removed) await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  if (!removed || present) setTag(target, tag, removed);
  detail = `${removed ? '-' : '+'}${tag} on ${target.length > 3 ? `${target.length} pictures` : target.map((hash) => hash.slice(0, 6))}`;
}

const acts = {
  tag: async () => changeTag(pick(['castle', 'night', 'ä 😀']), random() < 0.35),
  click: async () => {
    const cells = await cellHashes();
    if (!cells.length) return;
    const { row, hash } = pick(cells);
    const keys = pick([[], [], ['Control'], ['Control']]);
    const cell = page.locator(`.main [data-row="${row}"]`).first();
    try {
      await cell.click({ modifiers: keys, position: { x: 30, y: 30 }, timeout: 5000 });
    } catch (error) {
      if (await cell.count()) throw error;
      return; // the view scrolled the picture away before the click
    }
    if (keys.length) model.chosen.has(hash) ? model.chosen.delete(hash) : model.chosen.add(hash);
    else model.chosen.clear();
  },
  move: async () => page.keyboard.press(pick(['ArrowRight', 'ArrowLeft', 'ArrowDown', 'ArrowUp', 'Home', 'End', 'PageDown'])),
  choose: async () => {
    const hash = await currentHash();
    if (!hash) return;
    await page.locator('.main [aria-current="true"]').first().focus(); // Space presses the button that has the focus
    await page.keyboard.press(' ');
    model.chosen.has(hash) ? model.chosen.delete(hash) : model.chosen.add(hash);
  },
  all: async () => {
    await page.keyboard.press('Control+a');
    model.chosen = new Set(inSight().map(({ hash }) => hash));
  },
  none: async () => {
    await page.keyboard.press('Escape');
    model.chosen.clear();
  },
  flag: async () => {
    const [key, flag] = pick([['p', 1], ['x', -1], ['u', 0]]);
    await pressMark(key, { flag });
  },
  stars: async () => {
    const n = Math.floor(random() * 6);
    await pressMark(String(n), { stars: n });
  },
  filterMark: async () => {
    const [name, mark] = pick([['All', 'all'], ['Undecided', 'undecided'], ['Picked', 'picked'], ['Rejected', 'rejected'], ['Suggested', 'suggested']]);
    await page.getByRole('group', { name: 'Marks', exact: true }).getByRole('button', { name: new RegExp(`^${name}`) }).click();
    setFilter({ mark });
  },
  filterCategory: async () => {
    const categories = [...new Set(model.images.map(({ category }) => category))].filter(Boolean);
    if (model.filter.category !== null) {
      await page.getByRole('button', { name: 'Take away the filter Category' }).click();
      setFilter({ category: null });
      return;
    }
    const category = pick(categories);
    await page.getByRole('group', { name: 'Filters', exact: true }).getByRole('button', { name: 'Category', exact: true }).click();
    await page.getByRole('dialog', { name: 'Category' }).locator('label', { hasText: category.replaceAll(' · ', ', ') }).getByRole('checkbox').check();
    await page.getByRole('button', { name: 'Done' }).click();
    setFilter({ category });
  },
  undo: async () => {
    await page.keyboard.press('Control+z');
    travel(model.done, model.undone, 0);
  },
  redo: async () => {
    await page.keyboard.press('Control+Shift+z');
    travel(model.undone, model.done, 1);
  },
  view: async () => {
    const name = pick(['Review', 'Wall', 'Wall', 'Table']);
    await view(page, name);
    model.view = name;
    narrow();
  },
  stacks: async () => {
    await page.keyboard.press('s');
    const on = model.stacks === 'near' || (model.stacks === 'prompt' && model.view !== 'Review');
    setStacks(on ? 'off' : model.view === 'Review' ? 'near' : model.lastStacks);
  },
  stackKind: async () => {
    const kind = pick(model.view === 'Review' ? ['off', 'near'] : ['off', 'near', 'prompt', 'prompt']);
    // If the bar is full, the control is in the menu.
    const menu = page.getByRole('button', { name: 'More controls' });
    const folded = (await page.getByRole('combobox', { name: 'Stacks' }).count()) === 0;
    if (folded) await menu.click();
    await page.getByRole('combobox', { name: 'Stacks' }).selectOption(kind);
    if (folded) await page.getByRole('dialog', { name: 'More controls' }).getByRole('button', { name: 'Done' }).click();
    await page.locator('.main').focus(); // keys are for the pictures again
    setStacks(kind);
  },
  open: async () => {
    const hash = await currentHash();
    const image = model.images.find((one) => one.hash === hash);
    if (!image) return;
    const members = shown().filter((one) => stackOf(one) !== undefined && stackOf(one) === stackOf(image));
    await page.keyboard.press('o');
    if (members.length < 2) return;
    const open = isOpen(image);
    for (const one of model.images) if (stackOf(one) === stackOf(image)) model.opened.delete(one.hash);
    if (!open) model.opened.add(hash);
    narrow();
  },
  cull: async () => {
    const hash = await currentHash();
    if (!hash) return;
    await page.keyboard.press('e');
    const dialog = page.getByRole('dialog', { name: 'Cull' });
    await dialog.waitFor();
    for (let i = 0; i < 3; i++) {
      const at = (await page.evaluate(() => location.hash)).match(/at=([0-9a-f]{32})/)[1];
      const [key, change] = pick([['p', { flag: 1 }], ['x', { flag: -1 }], ['3', { stars: 3 }], ['ArrowRight', null], ['ArrowLeft', null]]);
      await page.keyboard.press(key);
      detail += ` ${key} on ${at.slice(0, 6)}`;
      if (change) setMarks([at], change);
    }
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  },
  reload: async () => {
    await settled();
    await page.reload();
    await ready();
  },
  restart: async () => {
    await settled();
    await server.stop(pick(['SIGINT', 'SIGKILL']));
    const hash = model.chosen.size ? null : await currentHash();
    if (hash) await pressMark('4', { stars: 4 }); // while the server is stopped
    if (hash) await changeTag('night', model.tags.has(`${hash} night`));
    server = await explore(pictures, '--port', PORT);
    if (!page.url().startsWith(server.url)) {
      // The address contains a secret key, which changed when the server restarted. So this page cannot send the marks;
      // the next page sends them.
      await page.goto(server.url + (await page.evaluate(() => location.hash)));
      await ready();
    }
  },
  other: async () => {
    // Another program marks a picture, which is not a step of undo on this page. The time of this mark is later than
    // the time of every mark in the catalog's journal.
    const { hash } = pick(model.images);
    await settled();
    // The page must have read this mark before the next act: else the page and the model may order the two differently.
    const read = page.waitForResponse((response) => response.url().includes('data/catalog.json'), { timeout: 10000 }).catch(() => null);
    execFileSync('sqlite3', [
      join(pictures, '.goldpan/catalog.db'),
      `PRAGMA busy_timeout=10000; INSERT INTO ratings(image, flag, stars, at) SELECT id, ${markOf(hash).flag}, 5, unixepoch() + 1 FROM images WHERE hash = x'${hash}' ON CONFLICT(image) DO UPDATE SET stars = 5, at = unixepoch() + 1`,
    ], { stdio: 'pipe' });
    model.marks.set(hash, { ...markOf(hash), stars: 5 });
    // A later undo of an older step replaces these stars by the picture's earlier stars, on the page and in the model.
    assert.ok(await read, 'the page does not read the mark of another program');
    await settle(page, 1500);
    narrow();
  },
};
const weights = { tag: 10, click: 18, move: 14, choose: 8, all: 3, none: 5, flag: 20, stars: 10, filterMark: 9, filterCategory: 7, undo: 8, redo: 5, view: 4, stacks: 3, stackKind: 3, open: 5, cull: 3, reload: 1.5, restart: 0.5, other: 0.7 };

async function ready() {
  await until(async () => (await page.locator('.main [data-row]').count()) > 0 || (await page.getByText('No picture passes').count()) > 0, 'the page does not come back');
}

/** Checks that the catalog contains the marks of the model. */
async function settled() {
  const tagsOf = (hash) => [...model.tags].filter((one) => one.startsWith(hash)).map((one) => one.slice(33)).sort().join();
  const wanted = model.images.map(({ hash }) => `${hash} ${markOf(hash).flag} ${markOf(hash).stars} ${tagsOf(hash)}`).join('\n');
  let have = '';
  await until(async () => {
    try {
      const rows = sql(pictures, 'SELECT lower(hex(i.hash)) AS hash, ifnull(r.flag, 0) AS flag, ifnull(r.stars, 0) AS stars, (SELECT group_concat(tag) FROM (SELECT tag FROM tags WHERE image = i.id AND removed = 0 ORDER BY tag)) AS tags FROM images i LEFT JOIN ratings r ON r.image = i.id ORDER BY i.id');
      have = rows.map(({ hash, flag, stars, tags }) => `${hash} ${flag} ${stars} ${tags ?? ''}`).join('\n');
    } catch (error) {
      have = String(error.stderr ?? error); // the catalog is locked for a moment
      return false;
    }
    return have === wanted;
  }, () => `the catalog differs from the model: ${differences(wanted, have)}`);
}
const differences = (a, b) => {
  const other = b.split('\n');
  return a.split('\n').map((line, i) => (line === other[i] ? '' : `want ${line}, have ${other[i]}`)).filter(Boolean).slice(0, 5).join('; ');
};

/** Checks that the shown and the chosen pictures of the page equal those of the model. */
async function agrees() {
  const n = shown().length;
  const wanted = `${n === model.images.length ? n : `${n} of ${model.images.length}`} pictures`;
  const chosen = model.chosen.size ? `${model.chosen.size} chosen` : null;
  const hidden = n - inSight().length;
  let said = '';
  await until(async () => {
    said = (await page.locator('.status .count').innerText()).replaceAll(',', '').replace(/\s+/g, ' ');
    return said.startsWith(wanted) && (hidden ? new RegExp(`stacks? hides? ${hidden}\\b`).test(said) : !said.includes('hide')) && (chosen ? said.includes(chosen) : !said.includes('chosen'));
  }, () => `the page says "${said}", the model ${wanted}, ${hidden} hidden, ${chosen}`);
}

before(async () => {
  pictures = makeCatalog('pictures');
  moreCopies(pictures);
  server = await explore(pictures, '--port', PORT);
  browser = await openBrowser();
  page = await openPage(browser, server.url);
  const rows = sql(
    pictures,
    `SELECT lower(hex(i.hash)) AS hash, s.category AS category, EXISTS(SELECT 1 FROM picks p WHERE p.image = i.id) AS suggested,
       (SELECT prompt FROM image_prompts WHERE image = i.id) AS prompt, (SELECT in_group FROM duplicates WHERE image = i.id) AS copies
     FROM images i LEFT JOIN v_standings s ON s.image = i.id ORDER BY i.id`,
  );
  const values = await page.evaluate(async () => {
    const { columns } = await (await fetch('data/catalog.json')).json();
    const read = async (name) => [...new Float32Array(await (await fetch(columns.find((c) => c.name === name).file)).arrayBuffer())];
    return { score: await read('score'), corrected: await read('corrected') };
  });
  model.images = rows.map(({ copies, prompt, suggested, ...row }, i) => ({
    ...row,
    suggested: suggested === 1,
    prompt: prompt ?? undefined,
    copies: copies === null ? undefined : `${copies}:${prompt}`,
    score: values.score[i],
    corrected: values.corrected[i],
  }));
  assert.equal(await hashOf(page, 7), model.images[7].hash);
  await settle(page, 0); // the first frames take long on a loaded machine
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

it(`${ACTS} random acts mark what the model says (GOLDPAN_UI_SEED=${seed})`, async () => {
  console.log(`seed ${seed}`);
  const total = Object.values(weights).reduce((a, b) => a + b);
  const trail = [];
  try {
    for (let i = 0; i < ACTS; i++) {
      let at = random() * total;
      const name = Object.keys(weights).find((one) => (at -= weights[one]) < 0);
      detail = '';
      trail.push(name);
      await acts[name]();
      trail[i] = `${name} ${detail || `at ${(await currentHash())?.slice(0, 6)}`}`;
      await agrees();
      if (i % 10 === 9) await settled();
    }
    await settled();
    assert.deepEqual(page.wrong.filter((one) => !/Failed to load resource|net::ERR/.test(one)), []);
  } catch (error) {
    error.message += `\nseed ${seed}, after ${trail.length} acts: … ${trail.slice(-14).join(', ')}`;
    await keepScreenshot(page, 'random acts');
    throw error;
  }
}, 15);
