// SPDX-License-Identifier: MIT
// Tests Cull and Compare in a real browser with a real server: keys, buttons, touch, undo, and the content of the
// catalog afterwards.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { axeSource, explore, folder, it, keepScreenshot, makeCatalog, openBrowser, settle, sql, until } from './support.mjs';

let pictures, server, browser, prompts;
before(async () => {
  pictures = makeCatalog('pictures');
  prompts = familiesOf(pictures);
  server = await explore(pictures);
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Returns the candidates of each prompt in the order of Review: prompts with the smallest lead first, best score
 * first within a prompt. */
function familiesOf(catalog) {
  const list = new Map();
  const rows = sql(
    catalog,
    `SELECT lower(hex(i.hash)) AS hash, p.prompt, s.value AS score, i.id FROM images i JOIN image_prompts p ON p.image = i.id
     JOIN scores s ON s.image = i.id WHERE i.apart IS NULL ORDER BY i.id`,
  );
  for (const row of rows) list.set(row.prompt, [...(list.get(row.prompt) ?? []), row]);
  const families = [...list.values()].map((all) => all.sort((a, b) => b.score - a.score || a.id - b.id));
  const lead = (all) => Math.fround(all[0].score) - Math.fround(all[1].score);
  return families.filter((all) => all.length > 1).sort((a, b) => lead(a) - lead(b)).map((all) => all.map((one) => one.hash));
}

const rating = (hash, catalog = pictures) => sql(catalog, `SELECT r.flag, r.stars FROM ratings r JOIN images i ON i.id = r.image WHERE i.hash = x'${hash}'`)[0] ?? { flag: 0, stars: 0 };
const marked = (catalog = pictures) => sql(catalog, 'SELECT count(*) AS n FROM ratings WHERE flag <> 0 OR stars <> 0')[0].n;
const isMarked = (hash, flag, why, catalog = pictures) => until(() => rating(hash, catalog).flag === flag, why ?? `${hash} should have the flag ${flag}`);

async function unmarkAll(url, catalog) {
  const changes = sql(catalog, 'SELECT lower(hex(i.hash)) AS hash FROM ratings r JOIN images i ON i.id = r.image WHERE r.flag <> 0 OR r.stars <> 0').map(({ hash }) => ({ hash, flag: 0, stars: 0 }));
  if (!changes.length) return;
  const answer = await fetch(`${url}api/rate`, { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Goldpan': '1' }, body: JSON.stringify({ changes }) });
  assert.equal(answer.status, 200);
}

async function open(address = '#review', { url = server.url, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, ...options });
  const page = await context.newPage();
  page.wrong = [];
  page.on('pageerror', (error) => page.wrong.push(error.message));
  page.on('console', (message) => message.type() === 'error' && page.wrong.push(message.text()));
  await page.goto(url + address);
  await page.locator('.main [data-row]').first().waitFor();
  return page;
}

/** Runs a test with its own page and a catalog without marks. The page must report no error. */
const seen = (name, address, run, options) =>
  it(name, async () => {
    await unmarkAll(server.url, pictures);
    const page = await open(address, options);
    try {
      await run(page);
      assert.deepEqual(page.wrong, []);
    } finally {
      await keepScreenshot(page, `modes ${name}`);
      await page.context().close();
    }
  });

const params = async (page) => new URLSearchParams((await page.evaluate(() => location.hash)).replace(/^[^?]*\?/, ''));
const current = async (page) => (await params(page)).get('at');
const compared = async (page) => (await params(page)).getAll('compare');
const isCurrent = (page, hash, why) => until(async () => (await current(page)) === hash, why ?? `${hash} should be current`);
const isCompared = (page, hashes, why) => until(async () => String(await compared(page)) === String(hashes), why ?? `${hashes} should be compared`);
const large = (page) => page.locator('.mode img.full');
const position = (page) => page.locator('.mode header [role=status]').innerText();
const press = async (page, ...keys) => {
  for (const key of keys) await page.keyboard.press(key);
};
const boxes = (page, ...selectors) => Promise.all(selectors.map(async (one) => JSON.stringify(await page.locator(one).first().boundingBox())));
const zoomOf = async (page, at = 0) => (await page.locator('.mode .box').nth(at).getAttribute('style')).match(/transform: (.*);/)[1];

async function axeFinds(page) {
  await page.evaluate(readFileSync(axeSource(), 'utf8'));
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`);
}

// ------------------------------------------------------------------------------------------------------------------ Cull

describe('cull', () => {
  seen('shows one picture, its facts and the candidates of its prompt in one frame', '#review', async (page) => {
    await press(page, 'e');
    const dialog = page.getByRole('dialog', { name: 'Cull' });
    await dialog.waitFor();
    assert.equal(await dialog.getAttribute('aria-modal'), 'true');
    const heights = await Promise.all(['.head', '.film', '.foot'].map(async (part) => Math.round((await page.locator(`.cull > ${part}`).first().boundingBox()).height)));
    assert.deepEqual(heights, [48, 92, 60]);
    assert.match(await large(page).getAttribute('src'), new RegExp(prompts[0][0]));
    assert.equal(await dialog.locator('.film .grp.now [data-row]').count(), prompts[0].length);
    assert.match(await dialog.getByRole('complementary').innerText(), /Why[^]*Scores[^]*How well it fits its prompt/);
    assert.equal(await dialog.getByRole('complementary').locator('img[alt]:not([alt=""])').count(), 0, 'the facts show the picture again');
  });

  seen('marks the large picture only, whatever is chosen, and goes on', '#wall', async (page) => {
    await page.keyboard.press('Control+a');
    await press(page, 'e');
    const first = await current(page);
    await press(page, 'p');
    await until(async () => (await current(page)) !== first, 'does not go on after a mark');
    await isMarked(first, 1);
    assert.equal(marked(), 1, 'more than the large picture is marked');
    const second = await current(page);
    await press(page, 'a', '4');
    assert.equal(await current(page), second, 'goes on although that is off');
    await press(page, 'x');
    await until(() => rating(second).flag === -1 && rating(second).stars === 4, 'the second is not marked');
    await press(page, 'u');
    await isMarked(second, 0);
    await press(page, 'Control+z', 'Control+z', 'Control+z', 'Control+z');
    await until(() => marked() === 0, 'undo does not take all back');
    await isCurrent(page, first, 'undo does not go back to the picture that it changes');
  });

  seen('its buttons do what the keys do, and nothing moves', '#review', async (page) => {
    await press(page, 'e');
    const parts = ['.cull > .head', '.cull .stage', '.cull > .film', '.cull > .foot', '.cull .grp.now', '.cull .foot .pik', '.cull .foot .stars'];
    await settle(page, 100);
    const where = await boxes(page, ...parts);
    const dialog = page.getByRole('dialog', { name: 'Cull' });
    await page.getByRole('checkbox', { name: /Go on after each mark/ }).uncheck();
    await dialog.getByRole('button', { name: /^Pick/ }).click();
    await isMarked(prompts[0][0], 1);
    await dialog.getByRole('button', { name: '4 stars' }).click();
    await until(() => rating(prompts[0][0]).stars === 4, 'no stars');
    assert.deepEqual(await boxes(page, ...parts), where, 'a mark moved something');
    await dialog.getByRole('button', { name: 'Next picture' }).click();
    await isCurrent(page, prompts[0][1]);
    await dialog.getByRole('button', { name: /^Reject/ }).click();
    await isMarked(prompts[0][1], -1);
    await dialog.getByRole('button', { name: /^Unmark/ }).click();
    await isMarked(prompts[0][1], 0);
    assert.deepEqual(await boxes(page, ...parts), where);
    await dialog.getByRole('button', { name: 'Undo' }).click();
    await isMarked(prompts[0][1], -1);
    await dialog.getByRole('button', { name: 'Previous picture' }).click();
    await isCurrent(page, prompts[0][0]);
    await page.locator('.film .grp.now [data-row]').nth(2).click();
    await isCurrent(page, prompts[0][2]);
  });

  seen('steps by picture and by prompt, keeps, finds the next undecided, compares, leaves', '#review', async (page) => {
    await press(page, 'e', 'ArrowRight', ' ', 'ArrowLeft');
    await isCurrent(page, prompts[0][1]);
    await press(page, 'ArrowDown');
    await isCurrent(page, prompts[1][0], '↓ does not go to the next prompt');
    await press(page, 'ArrowRight', 'ArrowUp');
    await isCurrent(page, prompts[0][0], '↑ does not go to the prompt before');
    await press(page, 'ArrowUp');
    await isCurrent(page, prompts[0][0]);
    await press(page, 'k');
    await isCurrent(page, prompts[1][0], 'K does not go to the next undecided prompt');
    await until(() => prompts[0].some((hash) => rating(hash).flag === 1), 'K does not pick');
    await press(page, 'a', 'x', 'n');
    await isCurrent(page, prompts[1][1], 'N does not go to the next undecided picture');
    await press(page, 'End', 'n');
    await isCurrent(page, prompts[1][1], 'N does not wrap, or stops at a decided prompt');
    await press(page, 'c');
    await page.getByRole('dialog', { name: 'Compare' }).waitFor();
    await page.goBack();
    await page.getByRole('dialog', { name: 'Cull' }).waitFor();
    await press(page, 'g');
    await page.locator('.mode').waitFor({ state: 'detached' });
    assert.match(await page.evaluate(() => location.hash), /^#wall/);
  });

  seen('keeps place and scale of the zoom between pictures of one size', '#review', async (page) => {
    await press(page, 'e');
    const stage = await page.locator('.cull .stage').boundingBox();
    const whole = await zoomOf(page);
    await page.mouse.move(stage.x + stage.width * 0.4, stage.y + stage.height * 0.3);
    await page.mouse.wheel(0, -700);
    await until(async () => (await zoomOf(page)) !== whole, 'the wheel does not zoom');
    const zoomed = await zoomOf(page);
    await press(page, 'ArrowRight', 'ArrowDown');
    await isCurrent(page, prompts[1][0]);
    assert.equal(await zoomOf(page), zoomed);
    await press(page, 'z');
    assert.equal(await zoomOf(page), whole);
    await press(page, 'z');
    const box = await page.locator('.mode .box').boundingBox();
    const [{ width }] = sql(pictures, `SELECT width FROM images WHERE hash = x'${prompts[1][0]}'`);
    assert.ok(Math.abs(box.width - width) < 1, `100 % shows ${width} pixels as ${box.width}`);
    await press(page, 'End');
    await until(async () => /225/.test(await page.getByRole('complementary').last().innerText()), 'the grid is not the last picture');
    assert.equal((await zoomOf(page)).replace(/.*scale/, 'scale'), 'scale(1)', 'a picture of another size keeps the zoom');
  });

  seen('gives focus and scroll back to the current picture', '#wall', async (page) => {
    await press(page, 'e', 'PageDown', 'PageDown', 'PageDown', 'PageDown', 'PageDown', 'PageDown', 'PageDown', 'PageDown');
    await page.locator('.film [data-row]').last().click();
    const at = await current(page);
    await press(page, 'Escape');
    await page.locator('.mode').waitFor({ state: 'detached' });
    await until(() => page.evaluate(() => document.activeElement?.closest('.main') !== null && document.activeElement?.getAttribute('aria-current') === 'true'), 'the focus is not on the current picture');
    assert.equal(await current(page), at);
    const inSight = await page.evaluate(() => {
      const box = document.activeElement.getBoundingClientRect();
      const main = document.querySelector('.main').getBoundingClientRect();
      return box.top >= main.top && box.bottom <= main.bottom + 1;
    });
    assert.ok(inSight, 'the current picture is not in sight');
  });

  seen(
    'takes swipes and large buttons on a phone',
    '#review',
    async (page) => {
      await page.locator('[data-row][aria-current=true]').dblclick();
      await page.getByRole('dialog', { name: 'Cull' }).waitFor();
      const touch = await page.context().newCDPSession(page);
      const stage = await page.locator('.cull .stage').boundingBox();
      const from = { x: stage.x + stage.width / 2, y: stage.y + stage.height / 2 };
      const swipe = async (dx, dy, look = () => undefined) => {
        const at = (share) => [{ x: from.x + dx * share, y: from.y + dy * share }];
        await touch.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: at(0) });
        for (const share of [0.3, 0.6, 1]) await touch.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: at(share) });
        await look();
        await touch.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
      };
      const badge = page.locator('.cull .badge:not(:empty)');
      await page.locator('.cull').getByText('Swipe up to pick, down to reject').waitFor();
      await swipe(-70, 4, async () => {
        await until(async () => Math.round((await badge.boundingBox()).x + (await badge.boundingBox()).width / 2) === Math.round(from.x - 70), 'the badge does not follow the finger');
        assert.equal(await badge.innerText(), 'Next');
        assert.equal(await page.locator('.badge.counts').count(), 0, '70 pixels count');
      });
      assert.equal(await current(page), prompts[0][0]);
      await swipe(-120, 10, async () => {
        await page.locator('.badge.counts').waitFor();
      });
      await isCurrent(page, prompts[0][1], 'a swipe to the left does not step');
      await swipe(120, 0);
      await isCurrent(page, prompts[0][0], 'a swipe to the right does not step back');
      await swipe(8, -130, () => badge.getByText('Pick').waitFor());
      await isMarked(prompts[0][0], 1, 'a swipe up does not pick');
      await isCurrent(page, prompts[0][1]);
      await page.locator('.notice').getByText(/^Picked: /).waitFor();
      assert.equal(await page.getByText('Swipe up to pick, down to reject').count(), 0, 'the hint stays');
      await swipe(0, 110, () => badge.getByText('Reject').waitFor());
      await isMarked(prompts[0][1], -1, 'a swipe down does not reject');
      await isCurrent(page, prompts[0][2]);
      assert.equal(await badge.count(), 0);
      assert.match(await page.locator('.cap').innerText(), /score [\d.]+, third of 4/);
      for (const name of [/^Reject/, /^Stars/, /^Pick/]) assert.equal((await page.locator('.thumbs').getByRole('button', { name }).boundingBox()).height, 56);
      await page.locator('.thumbs').getByRole('button', { name: /^Stars/ }).tap();
      await page.getByRole('group', { name: 'Stars' }).getByRole('button', { name: '3 stars' }).tap();
      await until(() => rating(prompts[0][2]).stars === 3, 'the stars of a phone do nothing');
      await page.locator('.thumbs').getByRole('button', { name: /^Reject/ }).tap();
      await isMarked(prompts[0][3], -1);
      assert.deepEqual(await axeFinds(page), []);
    },
    { viewport: { width: 390, height: 844 }, hasTouch: true },
  );
});

// --------------------------------------------------------------------------------------------------------------- Compare

describe('compare', () => {
  seen('is a tournament: the better stays on its side, the winner is picked, the next prompt comes', '#review', async (page) => {
    const [a, b, c, d] = prompts[0];
    await press(page, 'c');
    const dialog = page.getByRole('dialog', { name: 'Compare' });
    await dialog.waitFor();
    await isCompared(page, [a, b], 'the best two do not come first');
    assert.match(await dialog.innerText(), /Prompt 1 of \d+[^]*Round 1 of 3/);
    const parts = ['.cmp .duel', '.cmp figure', '.cmp .rounds', '.cmp .head', '.cmp figcaption .btn'];
    const where = await boxes(page, ...parts);
    await press(page, 'b');
    await isCompared(page, [c, b], 'B does not stay on its side');
    await press(page, 'ArrowLeft');
    await isCompared(page, [c, d]);
    assert.match(await dialog.innerText(), /Round 3 of 3/);
    assert.equal(await page.locator('.rounds .out').count(), 2);
    assert.deepEqual(await boxes(page, ...parts), where, 'something moved');
    assert.equal(marked(), 0);
    await dialog.getByRole('button', { name: /^A is better/ }).click();
    await isMarked(c, 1, 'the winner is not picked');
    await isCompared(page, prompts[1].slice(0, 2), 'the next prompt does not come');
    assert.equal(marked(), 1, 'the others are marked');
    await press(page, 'n');
    await isCompared(page, prompts[2].slice(0, 2), 'N does not go to the next prompt');
    await press(page, 'Escape');
    await page.locator('.mode').waitFor({ state: 'detached' });
    await until(() => page.evaluate(() => document.activeElement?.getAttribute('aria-current') === 'true'), 'the focus is not on the current picture');
    await isCurrent(page, prompts[2][0]);
  });

  seen('rejects those that lost if so set', '#review', async (page) => {
    await press(page, 'c');
    assert.match(await page.locator('.rounds').innerText(), /The others stay unmarked/);
    await page.getByRole('checkbox', { name: 'Reject the others' }).check();
    assert.match(await page.locator('.rounds').innerText(), /The others are rejected/);
    await press(page, 'a', 'a', 'a');
    await isCompared(page, prompts[1].slice(0, 2));
    await isMarked(prompts[0][0], 1);
    for (const lost of prompts[0].slice(1)) await isMarked(lost, -1);
    assert.match(await page.getByText(/marked\./).innerText(), /4 pictures marked/);
  });

  seen('Shift picks one and rejects all others', '#review', async (page) => {
    await press(page, 'c', 'Shift+B');
    await isCompared(page, prompts[1].slice(0, 2));
    await isMarked(prompts[0][1], 1);
    for (const other of [0, 2, 3]) await isMarked(prompts[0][other], -1);
  });

  seen('keeps both and rejects both', '#review', async (page) => {
    const [a, b, c, d] = prompts[0];
    await press(page, 'c', '=');
    await isCompared(page, [a, c]);
    await isMarked(a, 1);
    await isMarked(b, 1);
    await press(page, 'b');
    await isCompared(page, [d, c]);
    await press(page, 'b');
    await isCompared(page, prompts[1].slice(0, 2));
    await isMarked(c, 1);
    assert.deepEqual([a, b, c, d].map((hash) => rating(hash).flag), [1, 1, 1, 0]);
    const [e, f, g, h] = prompts[1];
    await press(page, 'x');
    await isCompared(page, [g, h]);
    await press(page, 'ArrowRight');
    await isCompared(page, prompts[2].slice(0, 2));
    await isMarked(h, 1);
    assert.deepEqual([e, f, g].map((hash) => rating(hash).flag), [-1, -1, 0]);
    const [i, j, k, l] = prompts[2];
    await press(page, 'a', 'x');
    await isCompared(page, [l], 'the last candidate is not shown alone');
    await press(page, 'x');
    await isCompared(page, prompts[3].slice(0, 2));
    await isMarked(l, -1);
    // B lost to a picture that is rejected now, and no picture is kept, so B is rejected too.
    assert.deepEqual([i, j, k, l].map((hash) => rating(hash).flag), [-1, -1, -1, -1]);
  });

  seen('undoes one decision at a time, marks and rounds alike', '#review', async (page) => {
    const [a, b, c, d] = prompts[0];
    await press(page, 'c');
    const undo = page.getByRole('button', { name: 'Undo the last decision' });
    assert.ok(await undo.isDisabled());
    await press(page, 'a', 'b', 'a');
    await isMarked(d, 1);
    await isCompared(page, prompts[1].slice(0, 2));
    await press(page, 'Control+z');
    await isCompared(page, [d, c], 'undo does not go back to the last round');
    await isMarked(d, 0, 'undo leaves the pick');
    await press(page, 'Control+z');
    await isCompared(page, [a, c]);
    await undo.click();
    await isCompared(page, [a, b]);
    assert.ok(await undo.isDisabled());
    await press(page, 'Control+Shift+z', 'Control+Shift+z', 'Control+Shift+z');
    await isCompared(page, prompts[1].slice(0, 2));
    await isMarked(d, 1, 'redo does not pick');
    // The button Undo of a notice undoes the decision.
    await press(page, '=');
    await isMarked(prompts[1][0], 1);
    await page.getByRole('status').getByRole('button', { name: 'Undo' }).click();
    await isMarked(prompts[1][0], 0);
    await isCompared(page, prompts[1].slice(0, 2));
    // Outside of Compare, undo skips decisions that changed no mark.
    await press(page, 'a', 'Escape', 'Control+z');
    await isMarked(d, 0, 'undo outside of Compare does not take the pick back');
  });

  seen('gives stars to A and B', '#review', async (page) => {
    await press(page, 'c', '4', 'Shift+Digit2');
    await until(() => rating(prompts[0][0]).stars === 4 && rating(prompts[0][1]).stars === 2, 'the stars are not in the catalog');
    await isCompared(page, prompts[0].slice(0, 2));
    await press(page, 'Control+z');
    await until(() => rating(prompts[0][1]).stars === 0, 'undo leaves the stars of B');
    await press(page, 'a', 'Control+z', 'Control+z');
    await until(() => rating(prompts[0][0]).stars === 0, 'undo leaves the stars of A');
  });

  seen('lays A over B with both labels, zooms both, shows one large', '#review', async (page) => {
    await press(page, 'c', 'z');
    assert.match(await zoomOf(page), /scale\((?!1\))/);
    assert.equal(await zoomOf(page, 0), await zoomOf(page, 1));
    await press(page, 'z', 'o');
    const slider = page.getByRole('slider', { name: 'How much of A is shown' });
    await slider.waitFor();
    const labels = page.locator('.stage .ab');
    assert.deepEqual((await labels.allInnerTexts()).sort(), ['A', 'B']);
    const topmost = (text) =>
      page.evaluate((name) => {
        const label = [...document.querySelectorAll('.stage .ab')].find((one) => one.textContent.trim() === name);
        for (let e = label; e; e = e.parentElement) e.style.pointerEvents = 'auto';
        const box = label.getBoundingClientRect();
        return label.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
      }, text);
    assert.ok((await topmost('A')) && (await topmost('B')), 'a picture hides a label');
    const clip = () => page.locator('.upper').getAttribute('style');
    const half = await clip();
    await slider.focus();
    await press(page, 'ArrowRight', 'ArrowRight');
    assert.notEqual(await clip(), half, 'the slider does nothing');
    assert.deepEqual(await compared(page), prompts[0].slice(0, 2), 'an arrow on the slider decides');
    await press(page, 'o');
    assert.equal(await page.locator('.cmp figure').count(), 2);
    await press(page, 'e');
    assert.equal(await page.locator('.cmp figure').count(), 1);
    await press(page, 'Escape');
    assert.equal(await page.locator('.cmp figure').count(), 2);
  });

  seen('says what differs and what is the same', '#review', async (page) => {
    await press(page, 'c', 'a');
    const table = page.getByRole('group', { name: 'What differs' });
    await table.getByText('Seed').waitFor();
    const scores = sql(pictures, `SELECT lower(hex(i.hash)) AS hash, s.value FROM scores s JOIN images i ON i.id = s.image`);
    const score = (hash) => scores.find((one) => one.hash === hash).value.toFixed(1);
    const [first, , third] = prompts[0];
    assert.equal(await table.locator('.better', { hasText: score(first) }).count(), 1);
    assert.equal(await table.locator('.less', { hasText: score(third) }).count(), 1);
    assert.match(await table.locator('.same').innerText(), /^The same in both: prompt, .*size/);
    assert.equal(await table.locator('mark').count(), 0);
  });

  seen('marks the words in which two prompts differ', '#wall', async (page) => {
    const cells = page.locator('.main [data-row]');
    await cells.nth(0).click({ modifiers: ['Control'] });
    await cells.nth(1).click({ modifiers: ['Control'] });
    await press(page, 'c');
    const marks = await page.getByRole('group', { name: 'What differs' }).locator('mark').allInnerTexts();
    assert.ok(marks.length > 1);
    const [a, b] = await compared(page);
    const words = (hash) => sql(pictures, `SELECT t.text FROM prompts t JOIN image_prompts p ON p.prompt = t.id JOIN images i ON i.id = p.image WHERE i.hash = x'${hash}'`)[0].text.split(/\s+/);
    const [left, right] = [words(a), words(b)];
    for (const word of new Set([...left.filter((one) => !right.includes(one)), ...right.filter((one) => !left.includes(one))])) assert.ok(marks.includes(word), `${word} is not marked`);
    await press(page, 'b');
    await isMarked(b, 1);
    assert.deepEqual(await compared(page), [a, b], 'chosen pictures stay');
  });

  seen('shows three to eight chosen pictures in a grid with letters and marks', '#wall', async (page) => {
    for (const at of [0, 1, 2, 3, 4]) await page.locator('.main [data-row]').nth(at).click({ modifiers: ['Control'] });
    await press(page, 'c');
    await until(async () => (await page.locator('.cmp figure').count()) === 5, 'not five pictures');
    const hashes = await compared(page);
    assert.deepEqual((await page.locator('.cmp .ab').allInnerTexts()).map((text) => text.trim()), ['A', 'B', 'C', 'D', 'E']);
    await page.getByRole('button', { name: 'Pick C' }).click();
    await isMarked(hashes[2], 1);
    await press(page, 'ArrowRight', 'x', '5');
    await until(() => rating(hashes[3]).flag === -1 && rating(hashes[3]).stars === 5, 'the keys do not mark D');
    assert.equal(marked(), 2, 'the choice is marked');
    await press(page, 'z');
    assert.equal(await zoomOf(page, 0), await zoomOf(page, 4));
    await page.getByRole('button', { name: 'Take E out of the comparison' }).click();
    await isCompared(page, hashes.slice(0, 4));
    await press(page, 'Shift+B');
    await isMarked(hashes[1], 1);
    for (const other of [0, 2, 3]) await isMarked(hashes[other], -1);
    assert.deepEqual(await axeFinds(page), []);
  });

  seen('is in the address, outlives a reload, and Back leaves it', '#review', async (page) => {
    const [a, b, c, d] = prompts[0];
    await press(page, 'c', 'b', 'b');
    await isCompared(page, [d, b]);
    await page.reload();
    await page.getByRole('dialog', { name: 'Compare' }).waitFor();
    assert.deepEqual(await compared(page), [d, b]);
    assert.match(await page.locator('.rounds').innerText(), /Round 3 of 3/);
    await press(page, 'Control+z');
    await isCompared(page, [c, b], 'the decisions are forgotten');
    const link = await page.evaluate(() => location.href);
    await page.goBack();
    await page.locator('.mode').waitFor({ state: 'detached' });
    assert.match(await page.evaluate(() => location.hash), /^#review/);
    const other = await page.context().newPage();
    await other.goto(link);
    await other.getByRole('dialog', { name: 'Compare' }).waitFor();
    assert.deepEqual(await compared(other), [c, b]);
    await press(other, 'a', 'a', 'a');
    await isMarked(c, 1, 'a pair from a link is no tournament');
    assert.equal(rating(a).flag, 0);
  });
});

// ---------------------------------------------------------------------------------------------------------------- reload

describe('when the catalog changes', () => {
  /** Deletes an image and all its rows in the catalog, as another command may do. */
  function remove(catalog, hash) {
    const tables = ['image_embeddings', 'scores', 'picks', 'failures', 'cluster_images', 'standings', 'slice_images', 'duplicates', 'map_images', 'ratings', 'image_prompts', 'contents', 'image_quality', 'paths'];
    const id = `(SELECT id FROM images WHERE hash = x'${hash}')`;
    const rows = [...tables.map((table) => `DELETE FROM ${table} WHERE image = ${id};`), `DELETE FROM duplicate_groups WHERE ${id} IN (representative, keeper);`, `DELETE FROM images WHERE id = ${id};`];
    execFileSync('sqlite3', [join(catalog, '.goldpan/catalog.db'), `PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; BEGIN IMMEDIATE; ${rows.join(' ')} COMMIT;`], { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  it('cull and compare keep their pictures; one that is gone leaves', async () => {
    const copy = join(folder, 'changing');
    cpSync(pictures, copy, { recursive: true });
    const other = await explore(copy);
    await unmarkAll(other.url, copy);
    const page = await open('#review', { url: other.url });
    try {
      await keepsPlaces(page, copy);
      assert.deepEqual(page.wrong, []);
    } finally {
      await keepScreenshot(page, 'modes when the catalog changes');
      await page.context().close();
      assert.equal(await other.stop(), 0);
    }
  });

  async function keepsPlaces(page, copy) {
    const rowOf = async (hash) => Number(await page.locator(`.film [data-row]:has(img[src*="${hash}"])`).getAttribute('data-row'));
    await press(page, 'e', 'ArrowDown', 'ArrowDown', 'ArrowRight');
    await isCurrent(page, prompts[2][1]);
    assert.match(await position(page), /^10 of/);
    const row = await rowOf(prompts[2][1]);
    // Deletes the first picture of the catalog that is not in the first six prompts, so that the rows of all later
    // pictures change.
    const [{ hash: early }] = sql(copy, `SELECT lower(hex(hash)) AS hash FROM images WHERE hash NOT IN (${prompts.slice(0, 6).flat().map((hash) => `x'${hash}'`)}) ORDER BY id LIMIT 1`);
    const all = Number((await position(page)).split(' of ')[1]);
    remove(copy, early);
    await until(async () => (await position(page)).endsWith(`of ${all - 1}`), 'the page does not see that a picture is gone');
    assert.match(await position(page), /^10 of/, 'the position moved');
    assert.equal(await current(page), prompts[2][1]);
    assert.equal(await rowOf(prompts[2][1]), row - 1, 'the test moved no rows');
    assert.match(await large(page).getAttribute('src'), new RegExp(prompts[2][1]));
    assert.equal(await page.locator('.film .grp.now [data-row]').count(), 4);
    // Deletes the large picture, so the next picture must replace it.
    remove(copy, prompts[2][1]);
    await isCurrent(page, prompts[2][2], 'the next picture does not take the place of one that is gone');
    assert.match(await position(page), /^10 of/);
    await press(page, 'Escape');

    await press(page, 'Home', 'c', 'a');
    await isCompared(page, [prompts[0][0], prompts[0][2]]);
    remove(copy, prompts[0][2]);
    await isCompared(page, [prompts[0][0], prompts[0][3]], 'the next candidate does not take the place of one that is gone');
    await press(page, 'a');
    await isMarked(prompts[0][0], 1, 'the tournament does not end', copy);
    await isCompared(page, prompts[1].slice(0, 2));
  }
});

describe('for all', () => {
  for (const theme of ['dark', 'light'])
    for (const [width, height] of [[1280, 800], [390, 844]])
      seen(`axe finds nothing, ${theme}, ${width} wide`, '#review', async (page) => {
        await press(page, 'e', 'p', 'x', '3');
        await settle(page, 300);
        assert.deepEqual(await axeFinds(page), [], 'cull');
        await press(page, 'c', '=', 'a');
        await settle(page, 300);
        assert.deepEqual(await axeFinds(page), [], 'compare');
        await press(page, 'o');
        assert.deepEqual(await axeFinds(page), [], 'one over the other');
        for (const one of ['Tab', 'Tab', 'Tab']) await press(page, one);
        assert.ok(await page.evaluate(() => document.activeElement?.closest('[role=dialog]') !== null), 'the focus left the dialog');
      }, { viewport: { width, height }, colorScheme: theme });
});
