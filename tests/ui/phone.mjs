// SPDX-License-Identifier: MIT
// The chip for new pictures above what is in sight, and what a narrow window shows in sheets.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, describe } from 'node:test';
import { axeSource, env, explore, folder, goldpan, it, keepScreenshot, makeCatalog, openBrowser, openPage, settle, sql, until } from './support.mjs';

let pictures, server, browser;
before(async () => {
  pictures = makeCatalog('pictures');
  server = await explore(pictures);
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

// ------------------------------------------------------------------------------------------------- new pictures above

const NEW = 12;

/** Copies the pictures to another folder, except the `NEW` pictures that have the best scores, and makes a catalog of
 * the copies. `come` adds these best pictures to the folder and updates the catalog. */
function catalogBefore(name) {
  const best = sql(pictures, `SELECT p.path, lower(hex(i.hash)) AS hash FROM scores s JOIN images i ON i.id = s.image JOIN paths p ON p.image = i.id ORDER BY s.value DESC LIMIT ${NEW}`);
  const copy = join(folder, name);
  const aside = join(folder, `${name}-aside`);
  mkdirSync(aside);
  cpSync(pictures, copy, { recursive: true, filter: (from) => !from.includes('.goldpan') });
  const files = best.map(({ path, hash }) => ({ at: join(copy, path.startsWith('/') ? path.slice(pictures.length + 1) : path), away: join(aside, basename(path)), hash }));
  for (const { at, away } of files) renameSync(at, away);
  const run = () => execFileSync(goldpan, ['run', copy, '--model', 'drawn-world-mini'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  run();
  return {
    copy,
    hashes: files.map(({ hash }) => hash),
    come(some = files.length) {
      for (const { at, away } of files.splice(0, some)) renameSync(away, at);
      run();
    },
  };
}

/** Returns the pictures that are at least half visible in the window: [{hash, y}], from top to bottom. */
const inSight = (page) =>
  page.evaluate(() => {
    const main = document.querySelector('.main').getBoundingClientRect();
    return [...document.querySelectorAll('.main [data-row]')]
      .map((cell) => ({ box: cell.getBoundingClientRect(), hash: /([0-9a-f]{32})\.jpg/.exec(cell.querySelector('img')?.src ?? '')?.[1] }))
      .filter(({ box }) => box.top + box.height / 2 > main.top && box.top + box.height / 2 < main.bottom)
      .sort((a, b) => a.box.top - b.box.top || a.box.left - b.box.left)
      .map(({ box, hash }) => ({ hash, y: Math.round(box.top) }));
  });

const chip = (page) => page.getByRole('button', { name: /\d+ new above/ });
const numberAbove = async (page) => ((await chip(page).count()) ? Number.parseInt(await chip(page).innerText(), 10) : 0);

describe('new pictures', () => {
  for (const [name, address] of [['wall', '#wall?sort=-score'], ['review', '#review?order=file']])
    it(`above what is in sight move nothing in ${name}; a chip counts them and brings them`, async () => {
      const { copy, hashes, come } = catalogBefore(`new-${name}`);
      const other = await explore(copy);
      const page = await openPage(browser, other.url + address);
      const scroller = page.locator(`.main .${name}`);
      try {
        // On the Wall, the new pictures take the places of the pictures that are in sight now. The view must keep the
        // old pictures in sight, so the new pictures are not counted as seen.
        await scroller.evaluate((one, wall) => (one.scrollTop = wall ? 160 : one.scrollHeight / 2), name === 'wall');
        await settle(page, 300);
        assert.equal(await chip(page).count(), 0);
        const before = await inSight(page);
        const after = async () => (await inSight(page)).filter(({ hash }) => before.some((one) => one.hash === hash));
        const counted = () => page.locator('.status .count').innerText();
        const was = await counted();
        come();
        await until(async () => (await counted()) !== was, 'the page does not see the new pictures');
        await settle(page, 300);
        if (name === 'wall') {
          await until(async () => (await numberAbove(page)) === NEW, async () => `${await numberAbove(page)} of ${NEW} new`);
          assert.ok(Math.abs((await after())[0].y - before[0].y) <= 1, 'the view moved');
        } else {
          await until(async () => (await numberAbove(page)) > 0, 'no chip');
          const first = await after();
          assert.ok(first.length > 0 && first[0].y === before.find(({ hash }) => hash === first[0].hash).y, 'the view moved');
        }
        await keepScreenshot(page, `phone new above ${name}`);
        // Each press shows new pictures, until none are left above.
        for (let left = await numberAbove(page); left > 0; ) {
          await chip(page).click();
          await until(async () => (await numberAbove(page)) < left, 'a press brings nothing');
          await settle(page, 200);
          left = await numberAbove(page);
          assert.ok((await inSight(page)).some(({ hash }) => hashes.includes(hash)), 'no new picture is in sight');
          assert.equal(await page.evaluate(() => document.activeElement?.matches('.main [data-row][aria-current=true]')), true, 'the focus is not at the new picture');
        }
        // New pictures that have been in sight are not counted again.
        await scroller.evaluate((one) => (one.scrollTop = one.scrollHeight / 2));
        await settle(page, 300);
        assert.equal(await numberAbove(page), 0);
        assert.deepEqual(page.wrong, []);
      } finally {
        await page.context().close();
        await other.stop();
      }
    });
});

// ------------------------------------------------------------------------------------------------- sheets on a phone

const narrow = { viewport: { width: 390, height: 844 } };
const sheet = (page, name) => page.getByRole('dialog', { name, exact: true });
const more = (page) => page.getByRole('button', { name: 'Order, stacks and more' });
const focusIn = (page, selector) => page.evaluate((where) => document.activeElement?.closest(where) !== null, selector);

/** Defines a case on a page as narrow as a phone, in a catalog without marks. The page must report no error. */
const onPhone = (name, run, options = {}) =>
  it(name, async () => {
    execFileSync('sqlite3', [join(pictures, '.goldpan/catalog.db'), 'PRAGMA busy_timeout = 5000; DELETE FROM ratings'], { stdio: ['ignore', 'ignore', 'inherit'] });
    const page = await openPage(browser, server.url, { ...narrow, ...options });
    try {
      await run(page);
      assert.deepEqual(page.wrong, []);
    } finally {
      await keepScreenshot(page, `phone ${name}`);
      await page.context().close();
    }
  });

/** Returns the controls in the sheet, or in `part`, that are less than 44 pixels high or wide. */
const tooSmall = (page, part = '.sheet') =>
  page.evaluate((where) => {
    const controls = [...document.querySelectorAll(where)].flatMap((one) => [...one.querySelectorAll('button, a, select, input, summary')]);
    return controls
      .filter((one) => one.checkVisibility() && !one.matches('.hidden-visually'))
      .map((one) => one.closest('label') ?? one)
      .map((one) => ({ text: one.getAttribute('aria-label') ?? one.textContent.trim(), ...one.getBoundingClientRect().toJSON() }))
      .filter(({ width, height }) => width < 43.5 || height < 43.5)
      .map(({ text, width, height }) => `${text}: ${Math.round(width)} x ${Math.round(height)}`);
  }, part);

async function axeFinds(page) {
  await page.evaluate(readFileSync(axeSource(), 'utf8'));
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`);
}

/** Checks the sheet: its controls are large, Tab does not leave it, and Esc closes it and returns the focus to
 * `opener`. */
async function isSound(page, name, opener) {
  await sheet(page, name).waitFor();
  assert.ok(await focusIn(page, '.sheet'), `${name}: the focus is not in the sheet`);
  assert.deepEqual(await tooSmall(page), [], name);
  await settle(page, 300);
  await keepScreenshot(page, `phone sheet ${name} ${await page.evaluate(() => document.documentElement.dataset.theme)}`);
  assert.deepEqual(await axeFinds(page), [], name);
  for (let i = 0; i < 20; i++) await page.keyboard.press('Tab');
  assert.ok(await focusIn(page, '.sheet'), `${name}: Tab leaves the sheet`);
  await page.keyboard.press('Escape');
  await sheet(page, name).waitFor({ state: 'detached' });
  await until(() => opener.evaluate((one) => one === document.activeElement), `${name}: the focus does not return`);
}

const tab = (page, name) => page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name, exact: true }).click();

describe('sheets', () => {
  for (const colorScheme of ['dark', 'light'])
    onPhone(
      `have large controls and keep the focus, ${colorScheme}`,
      async (page) => {
        const find = page.getByRole('button', { name: 'Search', exact: true });
        await find.click();
        await isSound(page, 'Search', find);
        for (const name of ['Review', 'Wall', 'Map', 'Found', 'Table']) {
          await tab(page, name);
          await more(page).click();
          await isSound(page, 'What is shown', more(page));
        }
        await tab(page, 'Wall');
        await more(page).click();
        await page.getByRole('button', { name: 'Facts of the picture' }).click();
        await sheet(page, 'Facts of the picture').getByText('Scores').waitFor();
        await isSound(page, 'Facts of the picture', more(page));
        await page.keyboard.press('e');
        const facts = page.getByRole('dialog', { name: 'Cull' }).getByRole('button', { name: 'Facts of the picture' });
        await facts.click();
        await isSound(page, 'Facts of the picture', facts);
        await page.keyboard.press('Escape');
        await page.getByRole('dialog', { name: 'Cull' }).waitFor({ state: 'detached' });
        assert.deepEqual(await tooSmall(page, '.top'), []);
      },
      { colorScheme },
    );

  onPhone('have large controls in the bar of filters, in popovers and in menus', async (page) => {
    const group = page.getByRole('group', { name: 'Filters', exact: true });
    const dialog = page.locator('.pop');
    const isLarge = async (name, opener) => {
      await opener.click();
      await dialog.waitFor();
      await settle(page, 300);
      assert.deepEqual(await tooSmall(page, '.pop'), [], name);
      await keepScreenshot(page, `phone popover ${name}`);
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
    };
    assert.deepEqual(await tooSmall(page, '.filters'), []);
    for (const name of ['Prompt', 'Category', 'Slice', 'Score', 'More']) await isLarge(name, group.getByRole('button', { name: new RegExp(`^${name}`) }));
    await group.getByRole('button', { name: 'Category', exact: true }).click();
    await dialog.getByRole('checkbox').first().check();
    await page.keyboard.press('Escape');
    await group.getByRole('button', { name: 'Take away the filter Category' }).waitFor();
    assert.deepEqual(await tooSmall(page, '.filters'), [], 'with a filter');
    await keepScreenshot(page, 'phone filters');
    await isLarge('catalog', page.locator('.brand'));
    await tab(page, 'Map');
    await isLarge('map', page.getByRole('button', { name: 'How the map is drawn' }));
    await more(page).click();
    await isLarge('panes', sheet(page, 'What is shown').getByRole('button', { name: /^Panes/ }));
    await page.keyboard.press('Escape');
    await tab(page, 'Table');
    await isLarge('heading', page.getByRole('button', { name: 'Menu of Prompt' }));
    await more(page).click();
    await isLarge('columns', sheet(page, 'What is shown').getByRole('button', { name: 'Columns…' }));
  });

  onPhone('change order, stacks, size and filters, search, and cull', async (page) => {
    await tab(page, 'Wall');
    const across = () => page.evaluate(() => new Set([...document.querySelectorAll('.wall [data-row]')].map((one) => Math.round(one.getBoundingClientRect().left))).size);
    assert.equal(await across(), 3);
    await more(page).click();
    const controls = sheet(page, 'What is shown');
    await controls.getByLabel('Order', { exact: true }).selectOption('score');
    await controls.getByLabel('Stacks', { exact: true }).selectOption('near');
    await controls.getByLabel('Size of the pictures').fill('186');
    await until(() => page.url().includes('sort=-score') && page.url().includes('stacks=near'), () => page.url());
    // No key acts on the page below the sheet.
    await page.keyboard.press('x');
    await controls.getByRole('button', { name: 'Close' }).click();
    await until(async () => (await across()) === 2, 'the size does nothing');
    assert.equal(sql(pictures, 'SELECT count(*) AS n FROM ratings WHERE flag <> 0')[0].n, 0);

    await page.getByRole('button', { name: 'Search', exact: true }).click();
    await sheet(page, 'Search').getByRole('searchbox').fill('a red car');
    await page.keyboard.press('Enter');
    await sheet(page, 'Search').waitFor({ state: 'detached' });
    await until(() => page.url().includes('find=a+red+car'), () => page.url());
    await more(page).click();
    await controls.getByRole('button', { name: 'Clear search' }).click();
    await until(() => !page.url().includes('find='), () => page.url());
    await controls.getByRole('button', { name: 'Close' }).click();

    const group = page.getByRole('group', { name: 'Filters', exact: true });
    await group.getByRole('button', { name: /^Suggested/ }).click();
    await group.getByRole('button', { name: 'Prompt', exact: true }).click();
    await page.getByRole('dialog', { name: 'Prompt' }).getByRole('textbox').fill('cat');
    await page.keyboard.press('Enter');
    await more(page).click();
    await controls.getByLabel('All or any of the filters').selectOption('any');
    await until(() => page.url().includes('any=1'), () => page.url());
    await controls.getByRole('button', { name: /^Cull/ }).click();
    await page.getByRole('dialog', { name: 'Cull' }).waitFor();
    assert.equal(await page.locator('.sheet').count(), 0, 'the sheet stays open over Cull');
  });
});

// ------------------------------------------------------------------------------------------------- Compare on a phone

describe('compare', () => {
  for (const colorScheme of ['dark', 'light'])
    onPhone(
      `has stars, what differs, and the rejection of the others, ${colorScheme}`,
      async (page) => {
        await page.keyboard.press('c');
        const dialog = page.getByRole('dialog', { name: 'Compare' });
        await dialog.waitFor();
        const large = () => page.evaluate(() => new URLSearchParams(location.hash.replace(/^[^?]*[?]/, '')).getAll('compare'));
        const stars = (hash) => sql(pictures, `SELECT r.stars FROM ratings r JOIN images i ON i.id = r.image WHERE i.hash = x'${hash}'`)[0]?.stars ?? 0;
        const [a, b] = await large();
        await dialog.getByRole('button', { name: 'Stars of B: 0' }).click();
        const group = dialog.getByRole('group', { name: 'Stars of B' });
        assert.ok(await group.getByRole('button').first().evaluate((one) => one === document.activeElement), 'the focus is not at the stars');
        assert.deepEqual(await tooSmall(page, '.cmp'), []);
        await settle(page, 300);
        await keepScreenshot(page, `phone compare stars ${colorScheme}`);
        assert.deepEqual(await axeFinds(page), []);
        await group.getByRole('button', { name: '4 stars' }).click();
        await until(() => stars(b) === 4, 'the stars are not saved');
        assert.equal(stars(a), 0);
        await dialog.getByRole('button', { name: 'Stars of B: 4' }).click();
        await page.keyboard.press('Escape');
        assert.equal(await group.count(), 0, 'Esc does not close the stars');
        assert.equal(await dialog.count(), 1, 'Esc leaves Compare');

        const differences = dialog.getByRole('button', { name: 'Differences' });
        await differences.click();
        await sheet(page, 'What differs').getByText('Seed').waitFor();
        await isSound(page, 'What differs', differences);
        await differences.click();
        await sheet(page, 'What differs').getByLabel('Reject the others').check();
        await sheet(page, 'What differs').getByRole('button', { name: 'Close' }).click();
        const family = sql(pictures, `SELECT lower(hex(i.hash)) AS hash, i.id FROM images i JOIN image_prompts p ON p.image = i.id WHERE i.apart IS NULL AND p.prompt = (SELECT prompt FROM image_prompts WHERE image = (SELECT id FROM images WHERE hash = x'${a}'))`);
        for (let round = 1; round < family.length; round++) await dialog.getByRole('button', { name: /^A is better/ }).click();
        const flags = () => sql(pictures, 'SELECT lower(hex(i.hash)) AS hash, r.flag FROM ratings r JOIN images i ON i.id = r.image WHERE r.flag <> 0');
        await until(() => flags().length === family.length, () => JSON.stringify(flags()));
        assert.deepEqual(flags().filter(({ flag }) => flag > 0).map(({ hash }) => hash), [a]);
      },
      { colorScheme },
    );
});
