// SPDX-License-Identifier: MIT
// Tests the map with its panes, the charts and the table: their content, their arrangement, and the settings that
// they store.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { count, current, explore, it, keepScreenshot, makeCatalog, openBrowser, openPage, settle, sql, until, view } from './support.mjs';

let pictures, server, browser, total;
before(async () => {
  pictures = makeCatalog('pictures');
  [{ total }] = sql(pictures, 'SELECT count(*) AS total FROM images');
  server = await explore(pictures);
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Runs a test with its own page that shows the view `name`. The page must report no error. */
const seen = (name, title, run, options = {}) =>
  it(title, async () => {
    const page = await openPage(browser, server.url, options);
    try {
      await view(page, name);
      await run(page);
      assert.deepEqual(page.wrong, []);
      assert.deepEqual(page.outside, []);
    } finally {
      await keepScreenshot(page, `map ${title}`);
      await page.context().close();
    }
  });

const map = (page) => page.locator('section[aria-label=Map]');
const canvas = (page) => map(page).locator('canvas.map-layer').last();
const pane = (page, name) => page.locator(`section[aria-label="${name}"]`);
/** Returns what the map draws when it no longer moves: size, labels, thumbnails, places of pictures, zoom. */
const drawn = async (page) => {
  await canvas(page).waitFor();
  await settle(page, 400);
  return canvas(page).evaluate((c) => {
    const { labels, thumbs, inSight } = c.pointMap.drawn;
    const places = Array.from({ length: c.pointMap.index.x.length }, (_, row) => c.pointMap.placeOf(row)).filter(([x]) => !Number.isNaN(x));
    return { width: c.clientWidth, height: c.clientHeight, labels, thumbs, inSight, places, zoom: c.pointMap.view.zoom };
  });
};
const drag = async (page, place, points) => {
  const box = await place.boundingBox();
  const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
  await page.mouse.move(...at(points[0]));
  await page.mouse.down();
  for (const point of points.slice(1)) await page.mouse.move(...at(point), { steps: 6 });
  await page.mouse.up();
};
const overlaps = (boxes) => boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) => a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1).map((b) => [a, b]));

describe('map', () => {
  seen('Map', 'the part in view is in the address, and comes back by Back and a reload', async (page) => {
    await drawn(page);
    assert.doesNotMatch(page.url(), /map=/);
    for (let i = 0; i < 3; i++) await map(page).getByRole('button', { name: 'Larger' }).click();
    await until(() => /map=[\d.]+\+[\d.]+\+3\.375/.test(page.url()), page.url);
    const { zoom } = await drawn(page);
    assert.ok(Math.abs(zoom - 3.375) < 0.01, `zoom ${zoom}`);
    const same = async () => Math.abs((await drawn(page)).zoom - zoom) < 0.01;
    await page.reload();
    await until(same, 'the reload shows another part');
    await view(page, 'Wall');
    assert.doesNotMatch(page.url(), /map=/);
    await page.goBack();
    await page.locator('.main[aria-label="map"]').waitFor();
    await until(same, 'Back shows another part');
    await map(page).getByRole('button', { name: 'Show all' }).click();
    await until(() => !page.url().includes('map='), 'the address keeps a part that is left');
  });

  seen('Map', 'the bars between panes are dragged and moved by keys, which is remembered', async (page) => {
    await drawn(page);
    const widthOf = async () => (await map(page).boundingBox()).width;
    const before = await widthOf();
    const bar = page.getByRole('separator', { name: 'Size of map' });
    const box = await bar.boundingBox();
    await page.mouse.move(box.x + 4, box.y + 300);
    await page.mouse.down();
    await page.mouse.move(box.x - 116, box.y + 300, { steps: 4 });
    await page.mouse.up();
    await until(async () => Math.abs((await widthOf()) - before + 120) < 4, 'not dragged');
    await bar.focus();
    const dragged = await widthOf();
    await page.keyboard.press('ArrowRight');
    await until(async () => (await widthOf()) > dragged + 10, 'the key does not move it');
    const kept = await widthOf();
    const low = page.getByRole('separator', { name: 'Size of charts' });
    const heightOf = async () => (await pane(page, 'Charts').boundingBox()).height;
    const height = await heightOf();
    await low.focus();
    await page.keyboard.press('ArrowDown');
    await until(async () => (await heightOf()) > height + 5, 'the charts do not grow');
    await page.reload();
    await drawn(page);
    assert.ok(Math.abs((await widthOf()) - kept) < 2, 'the width is forgotten');
    await page.getByRole('separator', { name: 'Size of map' }).dblclick();
    await until(async () => Math.abs((await widthOf()) - before) < 2, 'a double click does not put it back');
  });

  seen('Wall', 'words that the server rejects change nothing and are explained at the field', async (page) => {
    await view(page, 'Review');
    await page.route('**/api/search', (route) => route.fulfill({ status: 400, contentType: 'application/json', body: '{"error": "The words are too long."}' }));
    const field = page.getByRole('searchbox', { name: 'Search by words' });
    await field.fill('a red car');
    await field.press('Enter');
    await page.getByRole('alert').getByText('The words are too long.').waitFor();
    assert.equal(await page.locator('.main').getAttribute('aria-label'), 'review');
    assert.equal(await field.getAttribute('aria-invalid'), 'true');
    assert.equal(await field.inputValue(), 'a red car');
    await page.unroute('**/api/search');
    await field.press('Enter');
    await page.locator('.main[aria-label="wall"]').waitFor();
    await until(async () => (await page.getByRole('alert').count()) === 0, 'the explanation stays');
    page.wrong = page.wrong.filter((one) => !/status of 400/.test(one));
  });

  seen('Review', 'after a search, and after Esc in its field, keys act on the current picture', async (page) => {
    const field = page.getByRole('searchbox', { name: 'Search by words' });
    const atPicture = () => page.evaluate(() => document.activeElement?.matches('.main [data-row][aria-current=true]') === true);
    await page.keyboard.press('/');
    await page.keyboard.type('a green rocket');
    await page.keyboard.press('Enter');
    await page.locator('.main[aria-label="wall"]').waitFor();
    await until(atPicture, 'after Enter the focus is not at the current picture');
    const best = await current(page);
    await page.keyboard.press(' ');
    await page.keyboard.press('ArrowRight');
    assert.notEqual(await current(page), best, 'an arrow key does not move the current picture');
    const next = await current(page);
    await page.keyboard.press('/');
    await page.keyboard.type(' at night');
    await page.keyboard.press('Escape');
    await until(atPicture, 'after Esc the focus is not at the current picture');
    assert.equal(await current(page), next);
    assert.match(await count(page), /, 1 chosen$/, 'Esc in the field lets go of the chosen picture');
    await page.keyboard.press('/');
    await page.keyboard.press('Enter');
    await until(atPicture, 'after Enter in the field of the same search the focus is not at the current picture');
    assert.equal(await field.inputValue(), 'a green rocket');
  });

  seen('Wall', 'words typed while the server searches stay in the field', async (page) => {
    const field = page.getByRole('searchbox', { name: 'Search by words' });
    let go;
    const held = new Promise((done) => (go = done));
    await page.route('**/api/search', (route) => held.then(() => route.continue()));
    await page.keyboard.press('/');
    await page.keyboard.type('a green');
    const answer = page.waitForResponse('**/api/search');
    await page.keyboard.press('Enter');
    await page.keyboard.type(' box');
    go();
    await answer;
    await until(() => /green/.test(page.url()), page.url);
    await settle(page, 300);
    assert.equal(await field.inputValue(), 'a green box');
    assert.ok(await field.evaluate((element) => element === document.activeElement), 'the field has lost the focus');
    assert.ok((await count(page)).startsWith(`${total}`), 'the letters have marked pictures');
  });

  seen('Review', 'Back and Forward go over one search at a time, and add no entries', async (page) => {
    const field = page.getByRole('searchbox', { name: 'Search by words' });
    const find = async (text) => {
      await field.fill(text);
      await field.press('Enter');
      await until(() => page.url().includes(`#wall?find=${text}&`), () => page.url());
    };
    const length = () => page.evaluate(() => history.length);
    /** Goes one step, and waits until the page has followed the address: an answer of the server changes nothing more. */
    const go = async (by, address, words) => {
      await page.evaluate((n) => history.go(n), by);
      await until(async () => new URL(page.url()).hash.startsWith(address) && (await field.inputValue()) === words, () => page.url());
      await settle(page, 500);
      assert.ok(new URL(page.url()).hash.startsWith(address), page.url());
    };
    const before = await length();
    await find('cat');
    await find('dog');
    assert.equal(await length(), before + 2, 'a search is one entry');
    await go(-1, '#wall?find=cat&', 'cat');
    await go(-1, '#review?', '');
    await go(1, '#wall?find=cat&', 'cat');
    await go(1, '#wall?find=dog&', 'dog');
    await field.fill('');
    await field.press('Enter');
    await until(() => !page.url().includes('find='), () => page.url());
    await go(-1, '#wall?find=dog&', 'dog');
    assert.equal(await length(), before + 3, 'Back or Forward adds entries');
    // An address by hand is written in full, also as the same entry.
    await page.evaluate(() => (location.hash = '#wall?mark=undecided'));
    await until(() => page.url().includes('mark=undecided&'), () => page.url());
    await go(-1, '#wall?find=dog&', 'dog');
    assert.equal(await length(), before + 3);
  });

  seen('Wall', 'controls that do not fit in the bar are in a menu; no control is cut off, and the pictures stay in place', async (page) => {
    const { prompt } = sql(pictures, 'SELECT text AS prompt FROM prompts LIMIT 1')[0];
    const cut = () =>
      page.locator('.status').evaluate((bar) => {
        const frame = bar.getBoundingClientRect();
        const parts = [...bar.querySelectorAll('button, select, input, .count')].filter((one) => one.getClientRects().length > 0);
        const outside = parts.filter((one) => one.getBoundingClientRect().right > frame.right || one.getBoundingClientRect().width < 20);
        return { outside: outside.map((one) => one.getAttribute('aria-label') ?? one.innerText), left: bar.scrollLeft, height: frame.height };
      });
    const top = () => page.locator('.main').evaluate((main) => main.getBoundingClientRect().top);
    const before = await top();
    await page.locator('.wall [data-row]').first().click();
    await page.keyboard.press('x');
    await page.evaluate((words) => (location.hash = `#wall?mark=rejected&prompt=${encodeURIComponent(words)}&stars=0`), prompt.split(' ')[0]);
    await page.keyboard.press('Control+a');
    for (const [width, height] of [[1440, 900], [1280, 720], [1024, 700], [901, 700]])
      for (const name of ['Wall', 'Review', 'Table']) {
        await page.setViewportSize({ width, height });
        await view(page, name);
        await settle(page, 100);
        assert.deepEqual(await cut(), { outside: [], left: 0, height: 40 }, `${name} ${width}`);
        assert.equal(await top(), before, `the pictures have moved: ${name} ${width}`);
        if (name !== 'Table') assert.ok(await page.locator('.status').getByRole('button', { name: 'Facts of the picture' }).isVisible());
      }
    await page.getByRole('button', { name: 'More controls' }).click();
    const menu = page.getByRole('dialog', { name: 'More controls' });
    await menu.getByRole('combobox', { name: 'Order' }).selectOption('score');
    await until(() => page.url().includes('sort=-score'), () => page.url());
    await menu.getByRole('button', { name: 'Done' }).click();
    await page.setViewportSize({ width: 1366, height: 768 });
    await page.keyboard.press('Control+z');
  });

  seen('Wall', 'Undo of a mark shows the pictures that come back', async (page) => {
    await page.locator('[data-filters]').getByRole('button', { name: /^Undecided/ }).click();
    const cells = page.locator('.wall [data-row]');
    const shown = await count(page);
    await cells.nth(0).click();
    await cells.nth(20).click({ modifiers: ['Shift'] });
    await page.keyboard.press('x');
    await until(async () => (await count(page)) !== shown, 'the pictures are still undecided');
    await page.keyboard.press('Control+z');
    await until(async () => (await count(page)).split(',')[0] === shown.split(',')[0], () => count(page));
    await settle(page, 200);
    const inSight = await page.locator('.wall').evaluate((wall) => {
      const [frame, box] = [wall, wall.querySelector('[aria-current=true]')].map((element) => element.getBoundingClientRect());
      return box.top >= frame.top - 1 && box.bottom <= frame.bottom + 1;
    });
    assert.ok(inSight, 'the current picture is out of sight');
  });

  seen('Map', 'fills its pane at first fit, with a label above each group and thumbnails at rest', async (page) => {
    const first = await drawn(page);
    const { width, height, places, labels, thumbs } = first;
    const parts = new Set(places.map(([x, y]) => `${Math.floor((x / width) * 4)} ${Math.floor((y / height) * 4)}`));
    assert.ok(parts.size >= 13, `the pictures lie in ${parts.size} of 16 parts of the pane`);
    assert.ok(places.every(([x, y]) => x > 0 && y > 0 && x < width && y < height), 'a picture lies outside of the pane');
    assert.ok(labels.length >= 5, `${labels.length} labels`);
    assert.ok(labels.every((b) => b.x0 >= 0 && b.y0 >= 0 && b.x1 <= width && b.y1 <= height), 'a label leaves the pane');
    assert.deepEqual(overlaps(labels), []);
    assert.ok(thumbs.length >= 12, `${thumbs.length} thumbnails`);
    assert.deepEqual(overlaps(thumbs), []);
    await map(page).getByText('Near means alike. Groups are moved together to fill the pane: the gaps between them say little.').waitFor();
    await page.reload();
    const again = await drawn(page);
    assert.deepEqual(again.places, places, 'the same catalog is laid out in another way');
  });
  seen('Map', 'never shows a blank pane', async (page) => {
    await drawn(page);
    const box = await canvas(page).boundingBox();
    const middle = [box.x + box.width / 2, box.y + box.height / 2];
    await page.mouse.move(...middle);
    for (let i = 0; i < 6; i++) await page.mouse.wheel(0, 900);
    assert.equal((await drawn(page)).zoom, 1, 'it is smaller than all');
    await page.mouse.move(box.x + box.width - 12, box.y + 3); // the bar between the panes covers the edge
    for (let i = 0; i < 14; i++) {
      await page.mouse.wheel(0, -700);
      const { inSight } = await drawn(page);
      assert.ok(inSight > 0, `nothing is in sight after ${i + 1} steps towards a corner`);
    }
    const { zoom } = await drawn(page);
    assert.ok(zoom > 3 && zoom <= 2000, `zoom ${zoom}`);
    for (let i = 0; i < 5; i++) await drag(page, canvas(page), [[0.1, 0.9], [0.9, 0.1]]);
    assert.ok((await drawn(page)).inSight > 0, 'nothing is in sight after the map was dragged away');
    await map(page).getByRole('button', { name: 'Show all' }).click();
    await until(async () => (await drawn(page)).zoom === 1, 'it does not show all again');
  });
  seen('Map', 'shows a picture that passes the filters, whatever the part in view, also after a reload and a resize', async (page) => {
    await drawn(page);
    const box = await canvas(page).boundingBox();
    await page.mouse.move(box.x + 3, box.y + 3);
    for (let i = 0; i < 3; i++) await page.mouse.wheel(0, -700);
    await drawn(page);
    const places = await canvas(page).evaluate(async (c) => {
      const { columns } = await (await fetch('data/catalog.json')).json();
      const hashes = new Uint8Array(await (await fetch(columns.find((one) => one.name === 'hash').file)).arrayBuffer());
      const { cx, cy } = c.pointMap.view;
      return Array.from({ length: hashes.length / 16 }, (_, row) => {
        const [x, y] = c.pointMap.placeOf(row);
        const [wx, wy] = c.pointMap.worldOf(row);
        return { row, hash: Array.from(hashes.subarray(row * 16, row * 16 + 16), (b) => b.toString(16).padStart(2, '0')).join(''), far: Math.hypot(wx - cx, wy - cy), inPane: x >= 0 && y >= 0 && x <= c.clientWidth && y <= c.clientHeight };
      }).filter(({ far }) => far >= 0);
    });
    const categories = new Map(sql(pictures, 'SELECT lower(hex(i.hash)) AS hash, s.category AS category FROM images i JOIN v_standings s ON s.image = i.id').map(({ hash, category }) => [hash, category]));
    const inPane = new Set(places.filter((one) => one.inPane).map(({ hash }) => categories.get(hash)));
    const away = places.filter(({ hash }) => !inPane.has(categories.get(hash))).sort((one, other) => one.far - other.far);
    assert.ok(inPane.size && away.length, 'the pane shows no category, or all of them');
    const category = categories.get(away[0].hash);
    await page.getByRole('group', { name: 'Filters', exact: true }).getByRole('button', { name: 'Category', exact: true }).click();
    await page.getByRole('dialog', { name: 'Category' }).locator('label', { hasText: category.replaceAll(' · ', ', ') }).getByRole('checkbox').check();
    await page.getByRole('button', { name: 'Done' }).click();
    const { inSight, zoom, width, height } = await drawn(page);
    assert.ok(inSight > 0, 'the filter leaves no picture in the pane');
    assert.ok(zoom > 2, 'the zoom changed');
    const [x, y] = await canvas(page).evaluate((c, row) => c.pointMap.placeOf(row), away[0].row);
    assert.ok(x >= 0 && y >= 0 && x <= width && y <= height, 'the picture that was nearest is not in the pane');
    // The address holds the part in view and the filter.
    await until(() => page.url().includes('map='), page.url);
    await page.reload();
    await until(async () => (await drawn(page)).inSight === inSight, 'the reload shows other pictures');
    for (const [wide, high] of [[1900, 700], [1000, 900], [1366, 768]]) {
      await page.setViewportSize({ width: wide, height: high });
      assert.ok((await drawn(page)).inSight > 0, `no picture is in a window of ${wide} x ${high}`);
    }
    await map(page).getByRole('button', { name: 'Show all' }).click();
    const all = places.filter(({ hash }) => categories.get(hash) === category).length;
    await until(async () => (await drawn(page)).inSight === all, 'the reload lost the filter of the map');
  });
  seen('Map', 'a lasso and a brush both narrow the pictures beside it, which can be kept or let go', async (page) => {
    await drawn(page);
    await map(page).getByRole('button', { name: 'Lasso' }).click();
    await drag(page, canvas(page), [[0.01, 0.02], [0.6, 0.02], [0.6, 0.95], [0.01, 0.95]]);
    const list = pane(page, 'Pictures');
    const head = list.getByRole('heading');
    await until(async () => /^\d+ in lasso$/.test(await head.innerText()), 'the pane does not say what the lasso holds');
    const held = parseInt(await head.innerText());
    assert.ok(held > 0 && held < total);
    const chart = page.locator('section[aria-label=Score] canvas').last();
    await drag(page, chart, [[0.6, 0.3], [0.97, 0.3]]);
    await until(async () => /^\d+ in lasso and brush$/.test(await head.innerText()), 'the pane does not say what lasso and brush hold');
    const both = parseInt(await head.innerText());
    assert.ok(both > 0 && both < held, `${both} of ${held}`);
    await list.locator('[data-row]').nth(1).click();
    assert.equal(parseInt(await head.innerText()), both, 'a press on a picture lets the lasso go');
    await list.getByRole('button', { name: 'Show only these' }).click();
    await until(async () => (await count(page)).startsWith(`${both} of ${total}`), `shown: ${await count(page)}`);
    await list.getByRole('button', { name: 'Let go' }).click();
    await until(async () => (await count(page)).startsWith(`${both} of ${total}`), 'the filter went with the brush');
    await page.getByRole('button', { name: /^Clear filter/ }).click();
    await until(async () => (await count(page)).startsWith(`${total} pictures`), `shown: ${await count(page)}`);
    assert.equal(await head.innerText(), 'Pictures');
  });
  seen('Map', 'Esc lets go of the lasso with the chosen pictures', async (page) => {
    await drawn(page);
    await page.getByRole('group', { name: 'Tool' }).getByRole('button', { name: /Lasso/ }).click();
    await drag(page, canvas(page), [[0.05, 0.05], [0.95, 0.05], [0.95, 0.95], [0.05, 0.95]]);
    const head = pane(page, 'Pictures').locator('h2');
    await until(async () => /in lasso$/.test(await head.innerText()) && / chosen/.test(await count(page)), 'the lasso chooses nothing');
    await page.keyboard.press('Escape');
    await until(async () => (await head.innerText()) === 'Pictures', async () => `the lasso stays: ${await head.innerText()}`);
    assert.doesNotMatch(await count(page), /chosen/);
  });

  seen('Map', 'is coloured by mark and by likeness to the search', async (page) => {
    await page.keyboard.press('/');
    await page.keyboard.type('a green rocket');
    await page.keyboard.press('Enter');
    await page.locator('.main[aria-label=wall]').waitFor();
    await view(page, 'Map');
    await drawn(page);
    const look = async () => (await map(page).screenshot()).toString('base64');
    const was = await look();
    await map(page).getByLabel('Colour').selectOption('likeness to search');
    await map(page).getByText('Likeness to the search', { exact: true }).waitFor();
    await until(async () => (await look()) !== was, 'no other colours');
    await map(page).getByLabel('Colour').selectOption('flag');
    await map(page).getByText('undecided').waitFor();
  });
  seen('Map', 'has any one to three panes, side by side or stacked, which are remembered', async (page) => {
    await drawn(page);
    await page.getByRole('button', { name: /^Panes/ }).click();
    const menu = page.getByRole('dialog', { name: 'Panes' });
    assert.equal(await menu.getByRole('checkbox', { name: 'Table' }).isDisabled(), true, 'a fourth pane');
    await menu.getByRole('checkbox', { name: 'Charts' }).uncheck();
    await menu.getByRole('checkbox', { name: 'Table' }).check();
    await pane(page, 'Table').getByRole('row').nth(2).waitFor();
    assert.equal(await pane(page, 'Charts').count(), 0);
    const at = async (name) => pane(page, name).boundingBox();
    assert.ok((await at('Map')).x < (await at('Table')).x);
    await menu.getByRole('button', { name: 'Swap pictures and map' }).click();
    await until(async () => (await at('Pictures')).x < (await at('Map')).x, 'not swapped');
    await menu.getByRole('button', { name: 'Stacked' }).click();
    await until(async () => (await at('Pictures')).y < (await at('Map')).y && (await at('Pictures')).width > (await at('Map')).width, 'not stacked');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Close pictures' }).click();
    await page.reload();
    await drawn(page);
    assert.equal(await pane(page, 'Pictures').count(), 0);
    assert.ok((await at('Map')).y < (await at('Table')).y, 'the arrangement is forgotten');
    await page.getByRole('button', { name: 'Close table' }).click();
    await until(async () => (await page.locator('.main [data-row][aria-current=true]').count()) === 1, 'nothing stands for the current picture');
  });
  seen(
    'Map',
    'shows one pane at a time on a phone',
    async (page) => {
      await canvas(page).waitFor();
      assert.equal(await pane(page, 'Pictures').count(), 0);
      const bar = page.getByRole('group', { name: 'Pane', exact: true });
      await bar.getByRole('button', { name: 'Pictures' }).click();
      await pane(page, 'Pictures').locator('[data-row]').first().waitFor();
      assert.equal(await map(page).count(), 0);
      await bar.getByRole('button', { name: 'Charts' }).click();
      await pane(page, 'Score').waitFor();
    },
    { viewport: { width: 390, height: 844 } },
  );
});

describe('filters by any column', () => {
  seen('Review', 'prompts and pictures are counted among those that the filters show', async (page) => {
    const { n } = sql(pictures, "SELECT count(DISTINCT p.id) AS n FROM prompts p JOIN image_prompts i ON i.prompt = p.id WHERE p.text LIKE '%rocket%'")[0];
    assert.ok(n > 1);
    await page.evaluate(() => (location.hash = '#review?prompt=rocket'));
    await page.locator('.prow').first().getByText(`1 of ${n}`, { exact: true }).waitFor();
    await page.keyboard.press('c');
    const compare = page.getByRole('dialog', { name: 'Compare' });
    await until(async () => /\b1 of (\d+)/.exec(await compare.locator('header').innerText())?.[1] === String(n), async () => compare.locator('header').innerText());
    for (let i = 1; i <= n; i++) {
      await page.keyboard.press('n');
      const shown = await compare.locator('header .title').innerText();
      assert.ok(shown.includes('rocket'), `N goes to a prompt that the filter hides: ${shown}`);
    }
    await page.keyboard.press('Escape');
    // The last row holds the pictures without a prompt that pass the filters.
    const { none } = sql(pictures, 'SELECT count(*) AS none FROM images WHERE id NOT IN (SELECT image FROM image_prompts WHERE prompt IS NOT NULL)')[0];
    await page.evaluate(() => (location.hash = '#review?not-prompt=rocket'));
    await page.getByText('not rocket').waitFor();
    await page.keyboard.press('End');
    await page.locator('.prow').last().getByText(`${none} without a prompt`).waitFor();
  });
  seen('Wall', 'a filter that does not exist passes no picture, and says why', async (page) => {
    for (const [text, why] of [['range.score=abc', 'Score does not work here: “abc” is not valid.'], ['values.nope=b', 'nope does not work here: no such column.']]) {
      await page.evaluate((hash) => (location.hash = hash), `#table?${text}`);
      await page.getByText(`The filter ${why}`).waitFor();
      assert.ok((await count(page)).startsWith('0 of'), await count(page));
    }
    await page.keyboard.press('Control+a');
    assert.doesNotMatch(await count(page), /chosen/);
    await page.getByRole('button', { name: 'Clear all filters' }).click();
    await until(async () => (await count(page)).startsWith(`${total} pictures`), () => count(page));
  });
  seen('Wall', 'More takes a part of a name and asks for a value', async (page) => {
    const { n, value } = sql(pictures, 'SELECT evidence AS value, count(*) AS n FROM image_prompts GROUP BY evidence ORDER BY n DESC LIMIT 1')[0];
    await page.getByRole('button', { name: 'More filters: any column' }).click();
    await page.keyboard.type('evid');
    await page.keyboard.press('Enter');
    const field = page.getByLabel('Value', { exact: true });
    await until(() => field.evaluate((one) => one === document.activeElement), 'Enter does not go to the value');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('Enter a value, or choose “is empty”.').waitFor();
    assert.ok((await count(page)).startsWith(`${total} pictures`), 'an empty value is a filter');
    await page.keyboard.type(value);
    await page.keyboard.press('Enter');
    await until(async () => (await count(page)).startsWith(n < total ? `${n} of` : `${total} pictures`), () => count(page));
  });
});

describe('the part of a list that is in sight', () => {
  /** The first picture that is wholly in sight in the list, and its distance from the upper edge. */
  const first = (page) =>
    page.locator('.main > :is(.wall, .review, .table)').evaluate((list) => {
      const top = list.getBoundingClientRect().top + (list.querySelector('[data-headings]')?.offsetHeight ?? 0);
      const rows = [...list.querySelectorAll('[data-row]')].map((cell) => ({ row: cell.dataset.row, x: cell.getBoundingClientRect().x, y: Math.round(cell.getBoundingClientRect().y - top) }));
      const { row, y } = rows.filter((one) => one.y >= 0).sort((a, b) => a.y - b.y || a.x - b.x)[0];
      return `${row} at ${y}`;
    });
  const scrolled = async (page, to) => {
    await page.locator('.main > :is(.wall, .review, .table)').hover();
    await page.mouse.wheel(0, to);
    await settle(page, 300);
    return first(page);
  };
  const stays = async (page, what, wanted) => {
    await until(async () => (await first(page)) === wanted, async () => `${what}: ${await first(page)} is first instead of ${wanted}`);
    await settle(page, 300);
    assert.equal(await first(page), wanted, what);
  };
  const mark = (page, name) => page.getByRole('group', { name: 'Marks', exact: true }).getByRole('button', { name: new RegExp(`^${name}`) }).click();
  const ready = (page) => page.locator('.main [data-row]').first().waitFor();

  seen('Wall', 'stays on the Wall over a reload, other views, filters, the facts and other sizes of the window', async (page) => {
    const at = await scrolled(page, 1500);
    await page.reload();
    await ready(page);
    await stays(page, 'after a reload', at);
    await view(page, 'Table');
    await page.goBack();
    await stays(page, 'after the Table and Back', at);
    await mark(page, 'Suggested');
    await until(async () => (await first(page)) !== at, 'the filter shows the same pictures');
    await mark(page, 'All');
    await stays(page, 'after Suggested and All', at);
    await mark(page, 'Picked');
    await until(async () => (await count(page)).startsWith('0 of'), 'pictures are picked');
    await page.goBack();
    await stays(page, 'after Picked and Back', at);
    const row = at.split(' ')[0];
    const inFirstLine = async (what) =>
      until(async () => page.locator('.wall').evaluate((wall, row) => {
        const cell = wall.querySelector(`[data-row="${row}"]`);
        const [list, box] = [wall, cell ?? document.body].map((one) => one.getBoundingClientRect());
        return cell !== null && box.top >= list.top - 8 && box.top < list.top + box.height + 8;
      }, row), async () => `${what}: ${row} is not in the first line, but ${await first(page)}`);
    await page.keyboard.press('i');
    await inFirstLine('without facts');
    await page.keyboard.press('i');
    await stays(page, 'with facts again', at);
    await page.setViewportSize({ width: 1100, height: 600 });
    await inFirstLine('in a narrower window');
    await page.setViewportSize({ width: 1366, height: 768 });
    await stays(page, 'in the first size of the window', at);
  });
  for (const name of ['Review', 'Table'])
    seen(name, `stays in ${name} over a reload, filters, and other views`, async (page) => {
      const at = await scrolled(page, 2000);
      await page.reload();
      await ready(page);
      await stays(page, 'after a reload', at);
      await mark(page, 'Suggested');
      await mark(page, 'All');
      await stays(page, 'after Suggested and All', at);
      await view(page, 'Wall');
      await view(page, name);
      await stays(page, 'after the Wall', at);
    });
  seen('Review', 'keeps the current prompt in sight in another size of the window', async (page) => {
    await page.setViewportSize({ width: 1440, height: 900 });
    for (let i = 0; i < 20; i++) await page.keyboard.press('ArrowDown');
    const inSight = () =>
      page.locator('.review').evaluate((list) => {
        const [frame, box] = [list, list.querySelector('[aria-current=true]')].map((one) => one.getBoundingClientRect());
        return box.top >= frame.top - 1 && box.bottom <= frame.bottom + 1;
      });
    assert.ok(await inSight());
    for (const [width, height] of [[1280, 720], [1280, 500], [1440, 900]]) {
      await page.setViewportSize({ width, height });
      await settle(page, 200);
      await until(inSight, `not in sight at ${width} x ${height}`);
    }
  });
});

describe('charts', () => {
  seen('Map', 'whole numbers have a bar each, and the plot is not a diagonal at first', async (page) => {
    await page.getByLabel('Column of the chart').first().selectOption('rank');
    const chart = pane(page, 'Place in the prompt').locator('canvas').last();
    await chart.waitFor();
    await settle(page, 300);
    const ranks = await page.evaluate(async () => {
      const { columns } = await (await fetch('data/catalog.json')).json();
      const counts = [];
      for (const rank of new Uint32Array(await (await fetch(columns.find((c) => c.name === 'rank').file)).arrayBuffer())) if (rank < 100) counts[rank - 1] = (counts[rank - 1] ?? 0) + 1;
      return counts;
    });
    const box = await chart.boundingBox();
    await page.mouse.click(box.x + 8 + ((box.width - 16) / ranks.length) * 1.5, box.y + box.height / 2);
    await until(async () => (await count(page)).startsWith(`${ranks[1]} of ${total}`), 'other pictures are shown');
    assert.equal(await page.getByLabel('x axis').inputValue(), 'rank');
    assert.equal(await page.getByLabel('y axis').inputValue(), 'corrected');
  });
});

describe('table', () => {
  const head = (page, name) => page.locator(`[role=columnheader][data-head="${name}"]`);
  const heads = (page) => page.locator('[data-head]').evaluateAll((all) => all.map((one) => one.dataset.head));
  const width = async (page, name) => (await head(page, name).boundingBox()).width;
  const menu = async (page, name, act) => {
    await head(page, name).hover();
    await head(page, name).getByRole('button', { name: /^Menu of/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: act }).click();
  };
  seen('Table', 'columns are as wide as one draws them, by the pointer and by keys, and this is remembered', async (page) => {
    await head(page, 'score').waitFor();
    const before = await width(page, 'score');
    const grip = head(page, 'score').getByRole('separator');
    const box = await grip.boundingBox();
    await page.mouse.move(box.x + 4, box.y + 10);
    await page.mouse.down();
    await page.mouse.move(box.x + 64, box.y + 10, { steps: 5 });
    await page.mouse.up();
    await until(async () => (await width(page, 'score')) === before + 60, 'the heading did not follow the pointer');
    await grip.focus();
    await page.keyboard.press('ArrowLeft');
    await until(async () => (await width(page, 'score')) === before + 44, 'a key does not change the width');
    const cell = page.locator('.row').first().locator('.cell').nth((await heads(page)).indexOf('score') + 1);
    assert.equal((await cell.boundingBox()).width, before + 44, 'cells are not as wide as their heading');
    await page.reload();
    await head(page, 'score').waitFor();
    assert.equal(await width(page, 'score'), before + 44);
  });
  seen('Table', 'headings end where their values end', async (page) => {
    await page.locator('.row').nth(2).waitFor();
    const ends = await page.evaluate(() => {
      const end = (element) => {
        const range = document.createRange();
        range.selectNodeContents(element);
        return range.getBoundingClientRect();
      };
      const row = document.querySelector('.row');
      return [...document.querySelectorAll('[data-head]')].map((one, i) => {
        const [text, value] = [end(one.querySelector('.name .cut')), end(row.querySelectorAll('.cell')[i + 1])];
        return { name: one.dataset.head, number: one.classList.contains('num'), sorted: one.getAttribute('aria-sort') !== 'none', left: text.left - value.left, right: text.right - value.right };
      });
    });
    assert.ok(ends.filter((one) => one.number).length >= 3);
    for (const { name, number, sorted, left, right } of ends.filter((one) => one.name !== 'stars')) assert.ok(Math.abs(number ? right : left) < (sorted ? 20 : 2), `${name}: ${left} ${right}`);
  });
  seen('Table', 'columns are moved by their heading, pinned and hidden by its menu, and this is remembered', async (page) => {
    await head(page, 'prompt').waitFor();
    assert.equal((await heads(page))[0], 'prompt');
    const to = await head(page, 'flag').boundingBox();
    const from = await head(page, 'corrected').locator('.name').boundingBox();
    const sorted = await head(page, 'corrected').getAttribute('aria-sort');
    await page.mouse.move(from.x + from.width / 2, from.y + 12);
    await page.mouse.down();
    await page.mouse.move(to.x + 10, to.y + 12, { steps: 8 });
    await page.mouse.up();
    await until(async () => (await heads(page)).indexOf('corrected') === 1, 'it is not at the place where it was dropped');
    assert.equal(await head(page, 'corrected').getAttribute('aria-sort'), sorted, 'moving a column sorted by it');
    await menu(page, 'category', 'Pin at the left');
    await until(async () => (await heads(page))[0] === 'category', 'not pinned');
    await menu(page, 'rank', 'Hide');
    await until(async () => !(await heads(page)).includes('rank'), 'not hidden');
    await menu(page, 'stars', 'Move right');
    await page.setViewportSize({ width: 950, height: 700 });
    await page.locator('.table').evaluate((table) => (table.scrollLeft = 400));
    await settle(page, 200);
    assert.ok((await head(page, 'category').boundingBox()).x < 80, 'a pinned column scrolls away');
    const order = await heads(page);
    assert.ok(order.indexOf('score') < order.indexOf('stars'));
    await page.reload();
    await head(page, 'prompt').waitFor();
    assert.deepEqual(await heads(page), order);
    await page.getByRole('button', { name: 'Columns…' }).click();
    const names = await page.getByRole('group', { name: 'Columns to show' }).locator('label').allInnerTexts();
    assert.equal(new Set(names.map((name) => name.trim().toLowerCase())).size, names.length, `a column is offered twice: ${names}`);
  });
  seen('Table', 'no control covers a heading, also while the menu of columns is open', async (page) => {
    const covered = () =>
      page.evaluate(() => {
        const table = document.querySelector('.table').getBoundingClientRect();
        return [...document.querySelectorAll('[data-head]')].flatMap((one) => {
          const box = one.getBoundingClientRect();
          const from = Math.max(box.left, table.left) + 1;
          const to = Math.min(box.right, table.right - 12) - 1; // without the scroll bar
          const points = to > from ? [from, (from + to) / 2, to] : [];
          return points.every((x) => document.elementFromPoint(x, box.top + 4)?.closest('[data-head]')) ? [] : [one.dataset.head];
        });
      });
    await head(page, 'score').waitFor();
    for (const width of [1280, 1366, 1440, 1920]) {
      await page.setViewportSize({ width, height: 800 });
      await settle(page, 200);
      assert.deepEqual(await covered(), [], `${width} wide`);
      await page.getByRole('button', { name: 'Columns…' }).click();
      await page.getByRole('dialog', { name: 'Columns' }).waitFor();
      assert.deepEqual(await covered(), [], `${width} wide, the menu is open`);
      await page.keyboard.press('Escape');
    }
    await view(page, 'Map');
    await page.getByRole('button', { name: /^Panes/ }).click();
    await page.getByRole('checkbox', { name: 'Charts' }).uncheck();
    await page.getByRole('checkbox', { name: 'Table' }).check();
    await page.keyboard.press('Escape');
    await pane(page, 'Table').getByRole('button', { name: 'Columns…' }).click();
    await page.getByRole('group', { name: 'Columns to show' }).getByLabel('Score', { exact: true }).uncheck();
    await until(async () => !(await heads(page)).includes('score'), 'the column is not hidden');
  });
  seen('Table', 'a category that is cut is whole in a tooltip, and in the list of categories also by the keyboard', async (page) => {
    const cells = page.locator('.row').first().locator('.cell');
    await page.locator('.row').nth(2).waitFor();
    const cell = cells.nth((await heads(page)).indexOf('category') + 1);
    await until(async () => ((await cell.innerText()) || '…') !== '…', 'no category');
    assert.equal(await cell.getAttribute('title'), await cell.innerText());
    await page.getByRole('group', { name: 'Filters', exact: true }).getByRole('button', { name: 'Category', exact: true }).press('Enter');
    const names = page.getByRole('dialog', { name: 'Category' }).locator('.choices label');
    await names.first().waitFor();
    const cut = (label) => label.locator('.cut').evaluate((one) => one.scrollWidth > one.clientWidth);
    let some = 0;
    for (const label of await names.all()) {
      const name = await label.locator('.cut').innerText();
      assert.equal(await label.getAttribute('title'), name);
      if (!(await cut(label))) continue;
      some++;
      while (!(await label.getByRole('checkbox').evaluate((box) => box === document.activeElement))) await page.keyboard.press('Tab');
      assert.ok(!(await cut(label)), `“${name}” is cut where the focus is`);
    }
    assert.ok(some, 'no name is cut');
  });
  seen('Table', 'is copied as it is shown, as CSV', async (page) => {
    await head(page, 'score').getByRole('button', { name: 'Score', exact: true }).click();
    await page.getByRole('button', { name: 'Copy as CSV' }).click();
    await page.getByText(`${total} pictures as CSV copied.`).waitFor();
    const lines = (await page.evaluate(() => navigator.clipboard.readText())).trimEnd().split('\r\n');
    assert.equal(lines.length, total + 1);
    assert.equal(lines[0].split(',').length, (await heads(page)).length);
    assert.ok(lines[0].startsWith('Prompt,Mark,Stars,Score,'));
    const [{ v }] = sql(pictures, 'SELECT max(value) AS v FROM scores');
    assert.ok(lines[1].includes(`,${String(v).slice(0, 6)}`), lines[1]);
  });
  seen('Table', 'filters by the value of a cell, and keeps the current row and its focus', async (page) => {
    await page.locator('.row').nth(2).waitFor();
    await page.keyboard.press('ArrowDown');
    const row = await current(page);
    await page.locator('.table').evaluate((table) => (table.scrollTop = 1e6));
    await settle(page, 200);
    assert.equal(await current(page), row, 'the current row left the document');
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-row')), row, 'the focus is lost');
    await page.keyboard.press('Home');
    await menu(page, 'category', /^Only this value/);
    await until(async () => /^\d+ of/.test(await count(page)), 'other pictures are shown');
  });
});
