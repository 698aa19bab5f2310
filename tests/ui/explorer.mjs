// SPDX-License-Identifier: MIT
// Tests the explorer as a person uses it, in a real browser with a real server: every view and mode, and the
// content of the catalog afterwards.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { axeSource, cellsInOrder, count, current, explore, hashOf, it, keepScreenshot, makeCatalog, openBrowser, openPage, ratingOf, settle, sql, until, view } from './support.mjs';

let pictures, server, browser, total, placed, apart;
before(async () => {
  pictures = makeCatalog('pictures');
  [{ total, placed }] = sql(pictures, 'SELECT (SELECT count(*) FROM images) AS total, (SELECT count(*) FROM map_images) AS placed');
  apart = sql(pictures, 'SELECT apart FROM images WHERE apart IS NOT NULL ORDER BY apart').map((row) => row.apart);
  assert.ok(apart.includes('grid'));
  assert.equal(total, placed + apart.length);
  server = await explore(pictures);
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Runs a test with its own page. The page must report no error, and must send no request to another host. */
const seen = (name, run) =>
  it(name, async () => {
    const page = await openPage(browser, server.url);
    try {
      await run(page);
      assert.deepEqual(page.wrong, []);
      assert.deepEqual(page.outside, []);
    } finally {
      await keepScreenshot(page, `explorer ${name}`);
      await page.context().close();
    }
  });

const cells = (page) => page.locator('.wall [data-row]');
const prompts = (page) => page.locator('.prow');
const rating = (hash) => ratingOf(pictures, hash);
const filters = (page) => page.getByRole('group', { name: 'Filters', exact: true });
const segment = (page, name) => page.getByRole('group', { name: 'Marks', exact: true }).getByRole('button', { name: new RegExp(`^${name}`) });
const notice = (page) => page.locator('.notice');
/** Removes all marks, so that a test starts without marks, and loads the page again, because it may show old marks. */
const unmark = async (page) => {
  execFileSync('sqlite3', [join(pictures, '.goldpan/catalog.db'), 'DELETE FROM ratings']);
  await page.reload();
  await until(async () => /Picked\s*0/.test(await segment(page, 'Picked').innerText()), 'old marks are shown');
};
/** Returns the hash of the current picture, without a request to the server. */
const currentHash = async (page) => (await page.evaluate(() => location.hash)).match(/at=([0-9a-f]{32})/)[1];
const wall = async (page) => {
  await view(page, 'Wall');
  await cells(page).first().waitFor();
};

describe('review', () => {
  seen('opens on prompts, each with its candidates, best score first', async (page) => {
    await until(() => page.evaluate(() => [...document.querySelectorAll('.prow img')].filter((i) => i.complete && i.naturalWidth > 0).length >= 4), 'no thumbnails');
    const [{ n }] = sql(pictures, 'SELECT count(DISTINCT prompt) AS n FROM image_prompts');
    await prompts(page).first().getByText(`1 of ${n}`).waitFor();
    const text = await prompts(page).first().locator('h2').innerText();
    const scores = sql(pictures, `SELECT s.value AS v FROM scores s JOIN prompts p ON p.id = s.prompt WHERE p.text = '${text.replaceAll("'", "''")}' ORDER BY v DESC`).map(({ v }) => v.toFixed(1));
    const shown = await prompts(page).first().locator('.cand p span:last-child').allInnerTexts();
    assert.deepEqual(shown, scores.slice(0, shown.length));
  });
  seen('puts the closest call first, and any other order', async (page) => {
    const leads = sql(
      pictures,
      `SELECT p.text AS text, max(s.value) - (SELECT value FROM scores o WHERE o.prompt = s.prompt ORDER BY value DESC LIMIT 1 OFFSET 1) AS lead
       FROM scores s JOIN prompts p ON p.id = s.prompt GROUP BY s.prompt HAVING count(*) > 1 ORDER BY lead`,
    );
    const first = () => prompts(page).first().locator('h2').innerText();
    assert.equal(await first(), leads[0].text);
    await page.getByLabel('Order', { exact: true }).selectOption('clearest');
    await until(async () => (await first()) === leads.at(-1).text, `the clearest is not first: ${await first()}`);
  });
  seen('arrows, N and K work on a fresh page and lead from prompt to prompt', async (page) => {
    await unmark(page);
    await page.keyboard.press('ArrowRight');
    const one = await current(page);
    await page.keyboard.press('ArrowDown');
    const two = await current(page);
    assert.notEqual(one, two);
    assert.equal(await prompts(page).nth(1).evaluate((row) => row.classList.contains('now')), true);
    assert.equal(await page.evaluate(() => document.activeElement.dataset.row), two, 'the focus is not on the current picture');
    const [{ n: before }] = sql(pictures, 'SELECT count(*) AS n FROM ratings WHERE flag = 1');
    await page.keyboard.press('k');
    await until(() => sql(pictures, 'SELECT count(*) AS n FROM ratings WHERE flag = 1')[0].n === before + 1, 'goldpan’s suggestion is not picked');
    assert.equal(await prompts(page).nth(2).evaluate((row) => row.classList.contains('now')), true);
    await until(async () => (await page.evaluate(() => document.activeElement.dataset.row)) === (await current(page)), 'the focus stays behind');
    await prompts(page).nth(1).getByText('decided').waitFor();
    await page.getByText(/^1 of \d+ (prompts\s)?decided$/).waitFor();
    await page.keyboard.press('Control+z');
    await until(() => sql(pictures, 'SELECT count(*) AS n FROM ratings WHERE flag = 1')[0].n === before, 'not undone');
  });
});

describe('what is seen is what is acted on', () => {
  seen('a choice that filters hide is chosen no more', async (page) => {
    await unmark(page);
    await wall(page);
    await page.keyboard.press('Control+a');
    await until(async () => (await count(page)).includes(`${total} chosen`), 'not all are chosen');
    await filters(page).getByRole('button', { name: 'Category' }).click();
    const box = page.getByRole('dialog', { name: 'Category' });
    await box.getByRole('checkbox').first().check();
    await box.getByRole('button', { name: 'Done' }).click();
    const shown = Number((await count(page)).match(/^(\d+) of/)[1]);
    assert.ok(shown < total);
    await until(async () => (await count(page)).includes(`${shown} chosen`), `chosen and hidden: ${await count(page)}`);
    await page.keyboard.press('x');
    await notice(page).getByText(`${shown} pictures rejected.`).waitFor();
    await until(() => sql(pictures, 'SELECT count(*) AS n FROM ratings WHERE flag = -1')[0].n === shown, 'not as many in the catalog');
    await notice(page).getByRole('button', { name: 'Undo' }).click();
    await until(() => sql(pictures, 'SELECT count(*) AS n FROM ratings WHERE flag <> 0')[0].n === 0, 'Undo in the notice does not undo');
  });
  seen('a mark of several pictures says how many of them were your picks', async (page) => {
    const picked = () => sql(pictures, 'SELECT count(*) AS n FROM ratings WHERE flag = 1')[0].n;
    await unmark(page);
    await wall(page);
    await page.keyboard.press('p');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('p');
    await page.keyboard.press('Control+a');
    await page.keyboard.press('x');
    await notice(page).getByText(`${total} pictures rejected, 2 of them were your picks.`, { exact: true }).waitFor();
    await until(() => picked() === 0, 'the picks are not rejected');
    await notice(page).getByRole('button', { name: 'Undo' }).click();
    await until(() => picked() === 2, 'Undo does not bring the picks back');
    await page.keyboard.press('4');
    await notice(page).getByText(`${total} pictures given 4 stars.`, { exact: true }).waitFor();
    await page.keyboard.press('Control+z');
    await until(() => sql(pictures, 'SELECT count(*) AS n FROM ratings WHERE stars > 0')[0].n === 0, 'the stars are not undone');
    await page.keyboard.press('u');
    await notice(page).getByText('2 pictures unmarked, 2 of them were your picks.', { exact: true }).waitFor();
  });
  for (const [name, by] of [['Wall', 'ArrowDown'], ['Table', 'PageDown'], ['Review', 'ArrowDown']])
    seen(`"Show only these" lets go of the chosen pictures, and Undo returns to the same place (${name})`, async (page) => {
      const place = () => page.locator(`.main .${name.toLowerCase()}`).evaluate((one) => one.scrollTop);
      await view(page, name);
      for (let i = 0; i < 3; i++) await page.keyboard.press(by);
      await page.keyboard.press(' ');
      for (const key of ['ArrowDown', 'ArrowDown']) await page.keyboard.press(key);
      await page.keyboard.press(' ');
      await until(async () => (await count(page)).endsWith('2 chosen'), () => count(page));
      const [at, y] = [await current(page), await place()];
      assert.ok(y > 0, 'the view is not scrolled');
      await page.getByRole('button', { name: 'Show only these' }).click();
      await until(async () => (await count(page)).startsWith(`2 of ${total}`), () => count(page));
      assert.doesNotMatch(await count(page), /chosen/);
      await page.keyboard.press('Home');
      await until(async () => (await current(page)) !== at, 'the first picture is not current');
      await page.keyboard.press('Control+z');
      await until(async () => (await count(page)).startsWith(`${total} pictures`), () => count(page));
      await settle(page, 300);
      assert.equal(await current(page), at, 'another picture is current');
      assert.ok(Math.abs((await place()) - y) < 3, `the view is at ${await place()} instead of ${y}`);
    });
  seen('a mark that hides its picture leads to the next one', async (page) => {
    await unmark(page);
    await wall(page);
    await segment(page, 'Undecided').click();
    const before = await cellsInOrder(page);
    await cells(page).nth(0).waitFor();
    await page.locator(`.wall [data-row="${before[3].row}"]`).click();
    await page.keyboard.press('x');
    await until(async () => (await current(page)) === String(before[4].row), `after the rejected one comes ${await current(page)}`);
    assert.equal(await page.evaluate(() => document.activeElement.dataset.row), String(before[4].row));
    await page.keyboard.press('Control+z');
    await until(async () => (await current(page)) === String(before[3].row), 'undo does not go back to its picture');
  });
  for (const width of [1280, 1440, 1920])
    seen(`a double click opens the picture under the pointer (${width})`, async (page) => {
      await page.setViewportSize({ width, height: 900 });
      await wall(page);
      await settle(page, 300);
      const before = await cellsInOrder(page);
      const one = before[10];
      await page.mouse.dblclick(one.x + 20, one.y + 20);
      await page.getByRole('dialog', { name: 'Cull' }).waitFor();
      await until(async () => page.url().includes(`at=${await hashOf(page, one.row)}`), `another picture opened: ${page.url()}`);
      await page.keyboard.press('Escape');
      await page.mouse.click(one.x + 20, one.y + 20);
      await page.mouse.click(before[12].x + 20, before[12].y + 20);
      await page.keyboard.down('Control');
      await page.mouse.click(one.x + 20, one.y + 20);
      await page.keyboard.up('Control');
      assert.deepEqual((await cellsInOrder(page)).slice(0, 12), before.slice(0, 12), 'the wall moved');
    });
});

describe('wall', () => {
  seen('shows the best corrected score first, with pictures that are really there', async (page) => {
    await wall(page);
    await until(() => page.evaluate(() => [...document.querySelectorAll('.wall img')].filter((i) => i.complete && i.naturalWidth > 0).length >= 6), 'no thumbnails');
    const [first] = await cellsInOrder(page);
    const [{ best }] = sql(pictures, 'SELECT max(corrected) AS best FROM v_standings');
    const shown = await page.locator(`.wall [data-row="${first.row}"] .sc`).innerText();
    assert.equal(shown, best.toFixed(1));
  });
  seen('holds only what is in sight, and moves by keys', async (page) => {
    await wall(page);
    assert.ok((await cells(page).count()) < total);
    await page.keyboard.press('End');
    await until(async () => (await page.locator('.wall').evaluate((one) => one.scrollTop)) > 0, 'not scrolled');
    await page.keyboard.press('Home');
    await until(async () => (await page.locator('.wall').evaluate((one) => one.scrollTop)) < 20, 'not scrolled back');
    const order = await cellsInOrder(page);
    const line = order.filter(({ y }) => y === order[0].y).length;
    await page.keyboard.press('ArrowDown');
    assert.equal(await current(page), String(order[line].row));
    await page.keyboard.press('ArrowUp');
    assert.equal(await current(page), String(order[0].row));
    await page.keyboard.press('Shift+ArrowRight');
    await page.keyboard.press('Shift+ArrowRight');
    assert.match(await count(page), /, 3 chosen$/);
    await page.keyboard.press('Escape');
    assert.doesNotMatch(await count(page), /chosen/);
  });
  seen('sorts by any column and turns the order round', async (page) => {
    await wall(page);
    const first = async () => (await cellsInOrder(page))[0].row;
    const best = await first();
    await page.getByLabel('Largest first').click();
    await page.keyboard.press('Home');
    await until(async () => (await first()) !== best, 'the order did not turn');
    await page.getByLabel('Order', { exact: true }).selectOption('path');
    await until(async () => page.url().includes('sort=path'), 'not sorted by path');
  });
  seen('has a slider for the size of the pictures', async (page) => {
    await wall(page);
    const width = async () => (await cells(page).first().boundingBox()).width;
    const was = await width();
    await page.getByLabel('Size of the pictures').fill('300');
    await until(async () => (await width()) > was * 1.3, 'they did not grow');
  });
});

describe('filters', () => {
  const shownCount = async (page) => Number(((await count(page)).match(/^([\d,]+)/) ?? [])[1].replaceAll(',', ''));
  seen('by words, phrases and -words of prompts', async (page) => {
    await wall(page);
    const set = async (text) => {
      await filters(page).getByRole('button', { name: /Prompt/ }).first().click();
      await page.getByLabel('Words', { exact: true }).fill(text);
      await settle(page, 300);
      await page.keyboard.press('Enter');
    };
    const wanted = (where) => sql(pictures, `SELECT count(DISTINCT ip.image) AS n FROM image_prompts ip JOIN prompts p ON p.id = ip.prompt WHERE ${where}`)[0].n;
    await set('snow two');
    await until(async () => (await shownCount(page)) === wanted("p.text LIKE '%snow%' AND p.text LIKE '%two%'"), await count(page));
    await set('"in the snow" -two');
    await until(async () => (await shownCount(page)) === wanted("p.text LIKE '%in the snow%' AND p.text NOT LIKE '%two%'"), await count(page));
    await page.getByRole('button', { name: 'Take away the filter Prompt' }).click();
    await until(async () => (await shownCount(page)) === total, await count(page));
  });
  seen('by stars, marks, any column, inverted, all and any, each undone by Ctrl+Z', async (page) => {
    await unmark(page);
    await wall(page);
    const [a, b] = (await cellsInOrder(page)).slice(0, 2);
    await page.locator(`.wall [data-row="${a.row}"]`).click();
    await page.keyboard.press('4');
    await page.locator(`.wall [data-row="${b.row}"]`).click();
    await page.keyboard.press('2');
    await page.keyboard.press('p');
    await page.getByRole('group', { name: 'At least so many stars' }).getByRole('button', { name: '3 stars' }).click();
    assert.equal(await shownCount(page), 1);
    await segment(page, 'Picked').click();
    assert.match(await count(page), /^0 of/);
    await page.getByText('No picture passes all 2 filters').waitFor();
    await page.getByLabel('All or any of the filters').selectOption('any');
    assert.equal(await shownCount(page), 2);
    await page.getByRole('button', { name: 'Clear filters' }).click();
    assert.equal(await shownCount(page), total);
    await filters(page).getByRole('button', { name: 'More filters: any column' }).click();
    const more = page.getByRole('dialog', { name: 'Any column' });
    await more.getByLabel('Column').fill('width');
    await more.getByLabel('Comparison').selectOption('is not');
    await more.getByLabel('Value').fill('256');
    await more.getByRole('button', { name: 'Add the filter' }).click();
    const [{ n }] = sql(pictures, 'SELECT count(*) AS n FROM images WHERE width <> 256');
    await until(async () => (await shownCount(page)) === n, await count(page));
    await page.keyboard.press('Control+z');
    await until(async () => (await shownCount(page)) === total, 'the filter is not undone');
    await page.keyboard.press('Control+Shift+z');
    await until(async () => (await shownCount(page)) === n, 'the filter is not done again');
  });
  seen('say which of them to take away when no picture passes', async (page) => {
    await page.goto(`${server.url}#wall?prompt=snow&range.score=1000..&at=`);
    await page.reload();
    await page.getByText('No picture passes all 2 filters').waitFor();
    await page.getByRole('button', { name: /^Score.*would show/ }).click();
    assert.ok((await shownCount(page)) > 0);
  });
  seen('counts of marks are of what the other filters leave', async (page) => {
    await unmark(page);
    await wall(page);
    await page.keyboard.press('p');
    await until(async () => /Picked\s*1/.test(await segment(page, 'Picked').innerText()), 'the pick is not counted');
    await page.goto(`${server.url}#wall?prompt=nothing-has-this-word`);
    await until(async () => /Picked\s*0/.test(await segment(page, 'Picked').innerText()), 'counts what other filters hide');
  });
});

describe('places', () => {
  seen('survive a reload: filters, choice, scroll, the current picture and undo', async (page) => {
    await unmark(page);
    await wall(page);
    await page.keyboard.press('p');
    await segment(page, 'Undecided').click();
    await page.getByLabel('Size of the pictures').fill('200');
    await page.locator('.main [aria-current="true"]').focus();
    for (let i = 0; i < 6; i++) await page.keyboard.press('ArrowDown');
    await page.keyboard.press(' ');
    await page.keyboard.press('Shift+ArrowRight');
    const at = await current(page);
    const said = await count(page);
    const y = await page.locator('.wall').evaluate((one) => one.scrollTop);
    assert.ok(y > 0);
    await page.reload();
    await cells(page).first().waitFor();
    await until(async () => (await count(page)) === said, async () => `the page says ${await count(page)} instead of ${said}`);
    assert.equal(await current(page), at);
    assert.ok(Math.abs((await page.locator('.wall').evaluate((one) => one.scrollTop)) - y) < 3, 'the scroll position is lost');
    await page.keyboard.press('Control+z'); // the filter
    await page.keyboard.press('Control+z'); // the pick
    await until(() => sql(pictures, 'SELECT count(*) AS n FROM ratings WHERE flag <> 0')[0].n === 0, 'the undo list is lost');
  });
  seen('have addresses: Back returns from culling to the same picture', async (page) => {
    await wall(page);
    for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowDown');
    await page.keyboard.press('e');
    await page.getByRole('dialog', { name: 'Cull' }).waitFor();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await until(() => page.url().includes('mode=cull'), 'culling has no address');
    await page.goBack();
    await page.getByRole('dialog', { name: 'Cull' }).waitFor({ state: 'detached' });
    const before = await current(page);
    await page.goBack();
    await page.locator('.main[aria-label="review"]').waitFor();
    await page.goForward();
    await page.locator('.main[aria-label="wall"]').waitFor();
    await until(async () => (await current(page)) === before, `another picture is current: ${await current(page)}`);
  });
  seen('named views are links', async (page) => {
    await wall(page);
    await segment(page, 'Suggested').click();
    const said = await count(page);
    await page.locator('.brand').click();
    await page.getByLabel('Name of this view').fill('what goldpan likes');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await until(() => sql(pictures, "SELECT count(*) AS n FROM saved WHERE name = 'what goldpan likes'")[0].n === 1, 'the view was not kept');
    await page.keyboard.press('Escape');
    await segment(page, 'All').click();
    await page.reload();
    await page.locator('.brand').click();
    await page.getByRole('link', { name: 'what goldpan likes' }).click();
    await until(async () => (await count(page)) === said, 'the view was not opened');
    await page.locator('.brand').click();
    await page.getByRole('button', { name: 'Delete the view what goldpan likes' }).click();
    await until(() => sql(pictures, 'SELECT count(*) AS n FROM saved')[0].n === 0, 'the view was not forgotten');
  });
  seen('keep their picture when files come and are re-scored', async (page) => {
    await wall(page);
    for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowDown');
    const hash = await hashOf(page, await current(page));
    const top = async () => page.locator(`.main [aria-current="true"]`).evaluate((cell) => Math.round(cell.getBoundingClientRect().top));
    const y = await top();
    execFileSync('sqlite3', [join(pictures, '.goldpan/catalog.db'), 'UPDATE scores SET value = value + 0.001 * (image % 7)']);
    await settle(page, 2500);
    assert.equal(await hashOf(page, await current(page)), hash);
    assert.ok(Math.abs((await top()) - y) <= 2, 'the picture moved on the screen');
  });
});

describe('facts', () => {
  seen('say everything about a picture, and why', async (page) => {
    await wall(page);
    await page.keyboard.press('Home');
    const facts = page.getByRole('complementary', { name: 'Facts of the picture' });
    const hash = await hashOf(page, await current(page));
    const [fact] = sql(pictures, `SELECT p.text AS raw, s.value AS score FROM images i JOIN image_prompts ip ON ip.image = i.id JOIN prompts p ON p.id = ip.prompt JOIN scores s ON s.image = i.id WHERE i.hash = x'${hash}'`);
    await facts.locator('.prompt').filter({ hasText: fact.raw }).waitFor();
    await facts.getByText(fact.score.toFixed(1), { exact: true }).first().waitFor();
    await facts.getByText(/prompt from a1111/).waitFor();
    for (const name of ['Why', 'Scores', 'Settings', 'Most alike', 'File']) await facts.getByRole('heading', { name, exact: true }).waitFor();
    await facts.getByText(/(goldpan suggests it|Not suggested|goldpan suggests no picture)/).waitFor();
    await facts.getByRole('button', { name: 'Prompt', exact: true }).click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), fact.raw);
  });
});

describe('map', () => {
  const map = (page) => page.locator('section[aria-label=Map]');
  const canvas = (page) => map(page).locator('canvas.map-layer').last();
  const drag = async (page, points) => {
    const box = await canvas(page).boundingBox();
    const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
    await page.mouse.move(...at(points[0]));
    await page.mouse.down();
    for (const point of points.slice(1)) await page.mouse.move(...at(point), { steps: 6 });
    await page.mouse.up();
  };
  seen('draws points by WebGL2 and chooses by box and by lasso', async (page) => {
    await view(page, 'Map');
    await canvas(page).waitFor();
    await settle(page, 600);
    assert.ok(await page.evaluate(() => [...document.querySelectorAll('.map canvas')].some((c) => c.getContext('webgl2') !== null)), 'no WebGL2');
    await map(page).getByRole('button', { name: 'Box' }).click();
    await drag(page, [[0.01, 0.01], [0.99, 0.99]]);
    await until(async () => (await count(page)).includes(`${placed} chosen`), `the box selected: ${await count(page)}`);
    await map(page).getByRole('button', { name: 'Lasso' }).click();
    await drag(page, [[0.02, 0.3], [0.5, 0.3], [0.5, 0.8], [0.02, 0.8]]);
    await until(async () => /, \d+ chosen/.test(await count(page)) && !(await count(page)).includes(`${placed} chosen`), `the lasso selected: ${await count(page)}`);
    await page.getByRole('button', { name: 'Show only these' }).click();
    assert.match(await count(page), new RegExp(`^\\d+ of ${total} pictures`));
  });
  seen('is coloured and sized by any column, and zooms', async (page) => {
    await view(page, 'Map');
    await canvas(page).waitFor();
    const shot = async () => (await map(page).screenshot()).toString('base64');
    await settle(page, 800);
    const was = await shot();
    await map(page).getByLabel(/^Colour/).selectOption('score');
    let coloured, sized;
    await until(async () => (coloured = await shot()) !== was, 'no other colours');
    await map(page).getByRole('button', { name: 'How the map is drawn' }).click();
    await map(page).getByLabel(/^Size/).selectOption('corrected');
    await map(page).getByRole('button', { name: 'Done' }).click();
    await until(async () => (sized = await shot()) !== coloured, 'no other sizes');
    const box = await canvas(page).boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.wheel(0, -600);
    await until(async () => (await shot()) !== sized, 'it did not zoom');
  });
  seen('shows the image under the pointer beside it, inside the map', async (page) => {
    await view(page, 'Map');
    await canvas(page).waitFor();
    await settle(page, 800);
    const box = await canvas(page).boundingBox();
    const card = page.locator('.map .hover');
    let right = 0;
    for (let x = 0.02; x < 1; x += 0.02)
      for (let y = 0.2; y < 0.9; y += 0.04) {
        await page.mouse.move(box.x + x * box.width, box.y + y * box.height);
        if (x < 0.6 || right || !(await card.count())) continue;
        const at = await card.boundingBox();
        assert.ok(at.x >= box.x && at.x + at.width <= box.x + box.width && at.y + at.height <= box.y + box.height, 'the card leaves the map');
        assert.ok(at.x + at.width <= box.x + x * box.width || at.x > box.x + x * box.width, 'the card covers what it is about');
        right++;
      }
    assert.ok(right, 'no image under the pointer');
  });
  for (const [what, refused] of [['Canvas 2D without WebGL2', ['webgl2']], ['a plain message without either', ['webgl2', '2d']]])
    it(`shows ${what}`, async () => {
      const context = await browser.newContext({ viewport: { width: 1366, height: 768 } });
      const page = await context.newPage();
      await page.addInitScript((kinds) => {
        const real = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
          return kinds.includes(kind) ? null : real.call(this, kind, ...more);
        };
      }, refused);
      await page.goto(`${server.url}#map`);
      await cells(page).first().waitFor();
      await settle(page, 1200);
      if (refused.length === 1) {
        const coloured = await page.evaluate(() =>
          [...document.querySelectorAll('.map canvas')].some((c) => {
            const data = c.getContext('2d')?.getImageData(0, 0, c.width, c.height).data ?? [];
            for (let i = 3; i < data.length; i += 4) if (data[i] > 128) return true;
            return false;
          }),
        );
        assert.ok(coloured, 'nothing is drawn');
      } else await page.locator('section[aria-label=Map]').getByText(/cannot|neither|not/i).first().waitFor();
      await context.close();
    });
});

describe('images that are set apart', () => {
  // Images that are set apart have no score, so they come last.
  const visit = async (page, key) => {
    await page.keyboard.press(key);
    const facts = page.getByRole('complementary', { name: 'Facts of the picture' });
    await facts.getByRole('link', { name: 'Open the file' }).waitFor();
    await settle(page, 400); // by now, the page would have requested the most similar images
    assert.equal(await facts.getByRole('heading', { name: 'Most alike' }).count(), 0);
    const [{ why }] = sql(pictures, `SELECT apart AS why FROM images WHERE hash = x'${await hashOf(page, await current(page))}'`);
    await facts.getByText(`Set apart: ${why}.`).waitFor();
    assert.equal(await page.locator('.wall [aria-current="true"] .sc').innerText(), why);
    return why;
  };
  seen('come last, are marked, and are compared with no other image', async (page) => {
    await wall(page);
    const found = [];
    for (let i = 0; i < apart.length; i++) found.push(await visit(page, i ? 'ArrowLeft' : 'End'));
    assert.deepEqual(found.sort(), apart);
  });
  seen('have no place on the map, which names them', async (page) => {
    await view(page, 'Map');
    await page.getByRole('button', { name: new RegExp(`^${apart.length} pictures? (is|are) not on the map: set apart$`) }).click();
    await until(async () => (await count(page)).startsWith(`${apart.length} of ${total}`), `shown: ${await count(page)}`);
    assert.deepEqual((await page.locator('.wall .sc').allInnerTexts()).sort(), apart);
  });
  it('are no start of a search, and come last in one', async () => {
    const page = await openPage(browser, server.url);
    await wall(page);
    await page.keyboard.press('End');
    await page.keyboard.press('m');
    await page.getByText('an image to search by is set apart or has no score yet').waitFor();
    await page.keyboard.press('Home'); // a search that the server rejected must not be part of the next search
    await page.keyboard.press('m');
    await page.locator('.example').waitFor();
    assert.equal(await page.locator('.example').count(), 1);
    for (const order of ['Largest', 'Smallest']) {
      await page.getByLabel(`${order} first; reverse the order`).waitFor();
      await page.keyboard.press('End');
      const hash = await hashOf(page, await current(page));
      assert.equal(sql(pictures, `SELECT apart IS NOT NULL AS apart FROM images WHERE hash = x'${hash}'`)[0].apart, 1, `${order} first: an image that is set apart is not the last`);
      if (order === 'Largest') await page.getByLabel(`${order} first; reverse the order`).click();
    }
    await page.context().close();
  });
});

describe('table and charts', () => {
  seen('the table has all columns and sorts by a click', async (page) => {
    await view(page, 'Table');
    const rows = page.getByRole('row');
    await rows.nth(2).waitFor();
    await page.getByRole('button', { name: 'Columns…' }).click();
    const offered = await page.getByRole('group', { name: 'Columns to show' }).getByRole('checkbox').count();
    const columns = await page.evaluate(async () => (await (await fetch('data/catalog.json')).json()).columns.length);
    // The table does not offer four columns: `id`, `hash`, and the settings `width` and `height`, which equal the width
    // and height of the picture. It offers the tags, which the manifest does not list as a column.
    assert.equal(offered, columns - 4 + 1);
    await page.getByRole('group', { name: 'Columns to show' }).getByLabel('seed', { exact: false }).check();
    await page.getByRole('columnheader', { name: 'seed' }).waitFor();
  });
  seen('a right click on an empty number keeps the images without this number', async (page) => {
    await view(page, 'Table');
    const grid = page.getByRole('grid', { name: 'Pictures' });
    await grid.getByRole('row').nth(2).waitFor();
    await page.keyboard.press('End'); // images that are set apart have no score and come last
    const heads = await grid.getByRole('columnheader').allInnerTexts();
    const place = heads.findIndex((text) => text.startsWith('Score'));
    const empty = grid.locator(`.row[aria-rowindex="${total + 1}"]`).getByRole('gridcell').nth(place);
    assert.equal(await empty.innerText(), '');
    await empty.click({ button: 'right' });
    await until(async () => (await count(page)).startsWith(`${apart.length} of ${total}`), `shown: ${await count(page)}`);
    await page.getByRole('button', { name: 'Change the filter Score: no value' }).click();
    await page.getByRole('checkbox', { name: 'not these' }).uncheck();
    await until(async () => (await count(page)).startsWith(`${total - apart.length} of ${total}`), `shown: ${await count(page)}`);
  });
  seen('a brush on the histogram is a filter, which all views obey and which can be taken away', async (page) => {
    await view(page, 'Map');
    const chart = page.locator('section[aria-label=Score] canvas').last();
    await chart.waitFor();
    await settle(page, 400);
    const box = await chart.boundingBox();
    await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.95, box.y + box.height / 2, { steps: 5 });
    await page.mouse.up();
    await page.getByRole('button', { name: 'Take away the filter Score' }).waitFor();
    assert.match(await count(page), new RegExp(`^\\d+ of ${total} pictures`));
    await page.getByRole('button', { name: 'Take away the filter Score' }).click();
    await until(async () => (await count(page)).startsWith(`${total} pictures`), 'the filter stayed');
  });
  seen('a box in the scatter plot chooses', async (page) => {
    await view(page, 'Map');
    const plot = page.locator('section[aria-label="Scatter plot"] canvas').last();
    await plot.scrollIntoViewIfNeeded();
    await settle(page, 700);
    const box = await plot.boundingBox();
    await page.mouse.move(box.x + 60, box.y + 12);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width - 12, box.y + box.height - 40, { steps: 5 });
    await page.mouse.up();
    await until(async () => /\d+ chosen/.test(await count(page)), 'nothing was chosen');
  });
});

describe('search', () => {
  seen('by words, by image, more and less like this', async (page) => {
    const best = async () => (await cellsInOrder(page))[0]?.row;
    const wanted = (query) =>
      page.evaluate(async (body) => {
        const answer = await fetch('api/search', { method: 'POST', headers: { 'X-Goldpan': '1' }, body: JSON.stringify(body) });
        const likeness = new Float32Array(await answer.arrayBuffer());
        return likeness.indexOf(Math.max(...likeness.filter((one) => !Number.isNaN(one))));
      }, query);
    await page.keyboard.press('/');
    await page.keyboard.type('a green rocket');
    await page.keyboard.press('Enter');
    await filters(page).getByText('Likeness to “a green rocket”').waitFor();
    await until(async () => (await best()) === (await wanted({ text: 'a green rocket' })), 'the most alike is not the first');
    await page.getByRole('button', { name: 'Take the search away' }).click();
    await until(async () => !(await page.locator('.example').count()), 'the search stayed');
    await page.keyboard.press('ArrowDown');
    const row = await current(page);
    const hash = await hashOf(page, row);
    await page.keyboard.press('m');
    await page.getByTitle('more like this; press to remove').waitFor();
    await until(async () => String(await best()) === row, 'an image is not the most like itself');
    await page.keyboard.press('l');
    await page.getByTitle('less like this; press to remove').waitFor();
    await until(async () => (await best()) === (await wanted({ less: [hash] })), 'the least alike is not the first');
    await page.getByRole('button', { name: 'Take the search away' }).click();
    const [file] = sql(pictures, `SELECT p.path AS path FROM paths p JOIN images i ON i.id = p.image WHERE i.hash = x'${hash}'`);
    await page.getByLabel('Picture to search by').setInputFiles(file.path);
    await until(async () => String(await best()) === row, 'an uploaded copy does not find its image');
  });
  seen('shows how alike pictures are, suggests a cut-off, and cuts only when told', async (page) => {
    await page.keyboard.press('/');
    await page.keyboard.type('a castle');
    await page.keyboard.press('Enter');
    await filters(page).getByRole('button', { name: /^Likeness/ }).click();
    const box = page.getByRole('dialog', { name: 'Likeness to the search' });
    const said = await box.getByText(/would pass/).innerText();
    const [, n] = said.match(/([\d,]+) pictures would pass/);
    assert.ok((await count(page)).startsWith(`${total} pictures`), 'it cuts before it is told');
    await box.getByRole('button', { name: /^Cut at/ }).click();
    await until(async () => (await count(page)).startsWith(`${n} of ${total}`), await count(page));
    await box.getByLabel('Least likeness').press('Home');
    await until(async () => !(await count(page)).startsWith(`${n} of`), 'the slider does not move the cut');
  });
});

describe('layout', () => {
  seen('is remembered; dark and light', async (page) => {
    await page.getByRole('button', { name: 'Dark theme' }).click();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
    await page.getByRole('button', { name: 'Facts of the picture' }).click();
    await page.reload();
    await prompts(page).first().waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
    assert.equal(await page.getByRole('complementary').count(), 0);
    await page.getByRole('button', { name: 'Light theme' }).click();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'light');
  });
  seen('everything is reached by Tab, and a list of pictures is one stop', async (page) => {
    await wall(page);
    await page.evaluate(() => document.activeElement?.blur());
    const names = [];
    const inWall = [];
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press('Tab');
      const [name, inside] = await page.evaluate(() => [document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent?.trim() ?? '', document.activeElement?.closest('.wall') !== null]);
      names.push(name);
      inWall.push(inside);
    }
    for (const name of ['To the pictures', 'Review', 'Wall', 'Table', 'Map', 'Found', 'Search by words', 'Dark theme', 'Keys', 'Prompt', 'Category', 'Facts of the picture', 'Pick', 'Reject'])
      assert.ok(names.some((one) => one === name || one.startsWith(name)), `Tab does not come to ${name}: ${names.join(', ')}`);
    const first = inWall.indexOf(true);
    assert.ok(first >= 0, 'Tab does not come to the pictures');
    assert.equal(inWall.slice(first, first + 10).filter(Boolean).length, 1, 'the wall is more than one stop');
  });
  seen('a row that is wider than the window is no Tab stop', async (page) => {
    await page.setViewportSize({ width: 1000, height: 700 });
    await prompts(page).first().waitFor();
    const wide = () => page.evaluate(() => [...document.querySelectorAll('.cands')].filter((one) => one.scrollWidth > one.clientWidth).length);
    await until(async () => (await wide()) > 1, 'no row is wider than the window');
    await page.evaluate(() => document.activeElement?.blur());
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press('Tab');
      assert.equal(await page.evaluate(() => document.activeElement?.classList.contains('cands')), false);
    }
  });
  seen('the focus returns to the picture from every mode', async (page) => {
    await wall(page);
    for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowDown');
    const at = await current(page);
    const y = await page.locator('.wall').evaluate((one) => one.scrollTop);
    for (const key of ['?', 'e', 'c', 'v']) {
      await page.keyboard.press(key);
      await page.getByRole('dialog').first().waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await until(async () => (await page.evaluate(() => document.activeElement?.dataset?.row)) === at, `after ${key} the focus is elsewhere`);
      assert.equal(await page.locator('.wall').evaluate((one) => one.scrollTop), y);
    }
  });
  seen('fits a laptop screen, and a narrower one', async (page) => {
    for (const [width, height] of [[1920, 1080], [1366, 768], [1280, 720], [1024, 700], [390, 844]]) {
      await page.setViewportSize({ width, height });
      await settle(page, 200);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `the page is wider than ${width}`);
      assert.ok((await prompts(page).count()) > 1);
    }
  });
  for (const theme of ['light', 'dark'])
    it(`axe finds nothing in any view (${theme})`, async () => {
      const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, colorScheme: theme, bypassCSP: true });
      const free = await context.newPage();
      await free.goto(server.url);
      await prompts(free).first().waitFor();
      await settle(free, 800);
      await free.addScriptTag({ path: axeSource() });
      const look = async (where) => {
        const result = await free.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }));
        assert.deepEqual(result.violations.map((v) => `${where}: ${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 120)).join(' | ')}`), []);
      };
      await look('review');
      for (const name of ['Wall', 'Map', 'Found', 'Table']) {
        await view(free, name);
        await settle(free, 500);
        await look(name);
      }
      await view(free, 'Wall');
      for (const [key, where] of [['e', 'Cull'], ['c', 'Compare'], ['v', 'Export'], ['?', 'Keys']]) {
        await free.keyboard.press(key);
        await free.getByRole('dialog', { name: new RegExp(where) }).waitFor();
        await settle(free, 300);
        await look(where);
        await free.keyboard.press('Escape');
      }
      await context.close();
    });
});

describe('nothing is lost', () => {
  it('ratings survive the death of the server and of the page', async () => {
    const port = String(20000 + (process.pid % 12000));
    const first = await explore(pictures, '--port', port);
    const page = await openPage(browser, first.url);
    await wall(page);
    await page.keyboard.press('ArrowDown');
    const hash = await hashOf(page, await current(page));
    await page.keyboard.press('5');
    await until(() => rating(hash).stars === 5, 'not in the catalog');
    await first.stop('SIGKILL');
    await page.keyboard.press('p');
    await page.getByText('goldpan has stopped answering').waitFor();
    await settle(page, 300);
    const context = page.context();
    await page.close({ runBeforeUnload: false });
    assert.deepEqual(rating(hash), { flag: 0, stars: 5 });
    const second = await explore(pictures, '--port', port);
    const again = await context.newPage();
    await again.goto(second.url);
    await until(() => rating(hash).flag === 1, 'the pick that was made while the server was dead is lost');
    assert.deepEqual(rating(hash), { flag: 1, stars: 5 });
    await context.close();
    assert.equal(await second.stop(), 0);
  });
  it('an open page goes on when the server comes back on its port', async () => {
    const port = String(20001 + (process.pid % 12000));
    const first = await explore(pictures, '--port', port);
    const page = await openPage(browser, first.url);
    await first.stop('SIGKILL');
    await page.getByText('goldpan has stopped answering').waitFor();
    const hash = await currentHash(page);
    await page.keyboard.press('3');
    await page.getByText('1 mark is kept in this page').waitFor();
    const second = await explore(pictures, '--port', port);
    assert.equal(second.url, first.url);
    await until(() => rating(hash).stars === 3, 'the mark is not sent');
    await page.getByText('goldpan has stopped answering').waitFor({ state: 'detached' });
    await second.stop();
    const renewed = await explore(pictures, '--port', port, '--new-key');
    assert.notEqual(renewed.url, first.url);
    await page.context().close();
    assert.equal(await renewed.stop(), 0);
  });
  it('a page sends nothing to another catalog at its address', async () => {
    const other = makeCatalog('other');
    const port = String(20002 + (process.pid % 12000));
    const first = await explore(pictures, '--port', port);
    const page = await openPage(browser, first.url);
    await first.stop();
    copyFileSync(join(pictures, '.goldpan/explorer.key'), join(other, '.goldpan/explorer.key'));
    await page.getByText('goldpan has stopped answering').waitFor();
    await page.keyboard.press('p');
    const second = await explore(other, '--port', port);
    assert.equal(second.url, first.url);
    await page.getByText('This page belongs to another catalog').waitFor();
    await settle(page, 500);
    assert.equal(sql(other, 'SELECT count(*) AS n FROM ratings')[0].n, 0);
    await page.context().close();
    assert.equal(await second.stop(), 0);
  });
  it('two pages see each other, and a catalog that changes', async () => {
    const one = await openPage(browser, server.url);
    const two = await openPage(browser, server.url);
    const row = await current(one);
    const at = two.locator(`.main [data-row="${row}"]`);
    await one.keyboard.press('x');
    await until(async () => (await at.locator('.tag.r').count()) === 1, 'the other page does not see the rejection');
    execFileSync('sqlite3', [join(pictures, '.goldpan/catalog.db'), "UPDATE ratings SET stars = 3 WHERE flag = -1"]);
    await until(async () => (await at.locator('.st').count()) === 1, 'the pages do not see that the catalog changed');
    await one.keyboard.press('Control+z');
    await until(async () => (await at.locator('.tag.r').count()) === 0, 'undo does not outlive a change of the catalog');
    await one.context().close();
    await two.context().close();
  });
  it('read-only changes nothing', async () => {
    const reader = await explore(pictures, '--readonly', '--port', '0');
    const page = await openPage(browser, reader.url);
    const was = JSON.stringify(sql(pictures, 'SELECT * FROM ratings'));
    await page.keyboard.press('p');
    await page.getByText('open read-only').waitFor();
    assert.equal(JSON.stringify(sql(pictures, 'SELECT * FROM ratings')), was);
    await page.context().close();
    assert.equal(await reader.stop(), 0);
  });
});
