// What buttons and keys do.
import * as api from '../api';
import { app, cullRowsOf, history, pictures } from './app.svelte';
import { NONE } from './columns';
import { csv } from './csv';
import type { Marking } from './ratings';
import { tableColumns, tableOrder, titleOf } from './titles';

export const { arrivals, catalog, comparing, filters, layout, marks, order, prompts, search, selection, session, stacks, tags, views } = app;
export { app, history, pictures };

export { navigation } from './navigation';

const VERBS: Record<string, string> = { '1': 'picked', '-1': 'rejected', '0': 'unmarked' };

/** Returns the rows to which an action applies: in a mode (Cull, Compare) only the current picture. */
function target(): Uint32Array {
  if (layout.mode !== 'browse') return selection.current >= 0 ? Uint32Array.of(selection.current) : new Uint32Array(0);
  return selection.target();
}

/** The view Found shows groups, but not the current picture or the chosen pictures. Therefore no key marks pictures
 * there. */
function unseen(): boolean {
  const found = layout.mode === 'browse' && layout.view === 'found';
  if (found) app.report('Found shows groups. Press Show to go to their pictures and mark them there.');
  return found;
}

function markTarget(marking: Marking, verb: string, goesOn: boolean): void {
  if (unseen()) return;
  const rows = target();
  if (rows.length === 0) return app.report('No picture is current. Press an arrow key or click a picture.');
  app.mark(rows, marking, verb);
  if (layout.mode === 'cull' && layout.advance && goesOn) step(1);
}

export const flagTarget = (flag: number): void => markTarget({ flag }, VERBS[flag] ?? 'marked', flag !== 0);
export const starTarget = (stars: number): void => markTarget({ stars }, stars ? `given ${stars} ${stars === 1 ? 'star' : 'stars'}` : 'left without stars', true);

/** Opens the field for the tags of the chosen pictures that are shown, or of the current picture. */
export function startTagging(): void {
  if (unseen()) return;
  if (!marks.writable) return app.report('This catalog is open read-only. Tags cannot be changed.');
  const rows = target();
  if (rows.length === 0) return app.report('No picture is current. Press an arrow key or click a picture.');
  layout.tagging = Array.from(rows, (row) => catalog.hash(row));
}

/** Toggles the flag of one picture. The buttons of the picture call this function. */
export function toggleFlag(row: number, flag: number): void {
  app.mark([row], { flag: marks.flagOf(row) === flag ? 0 : flag }, VERBS[flag]);
}

/** Moves the current picture by a number of places: in Cull along the culled pictures, otherwise along all shown
 * pictures. */
export function step(by: number): void {
  const rows = layout.mode === 'cull' ? selection.cullRows : order.rows;
  if (rows.length === 0) return;
  const at = rows.indexOf(selection.current);
  if (layout.mode === 'cull' && at + by >= rows.length && at === rows.length - 1) app.report('This is the last picture.');
  if (layout.mode === 'cull' && at + by < 0 && at === 0) app.report('This is the first picture.');
  const to = Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + by));
  selection.current = rows[to] as number;
}

/** In Cull: goes to the first picture of the next or the previous prompt, in the order of the pictures. */
export function stepPrompt(by: 1 | -1): void {
  const rows = selection.cullRows;
  const family = (place: number): unknown => prompts.of(rows[place] as number);
  let at = rows.indexOf(selection.current);
  if (at < 0) return;
  const here = family(at);
  while (at + by >= 0 && at + by < rows.length && family(at) === here) at += by;
  if (family(at) === here) return app.report(by > 0 ? 'This is the last prompt.' : 'This is the first prompt.');
  const there = family(at);
  while (at > 0 && family(at - 1) === there) at--;
  selection.current = rows[at] as number;
}

export function startCull(): void {
  selection.cullRows = cullRowsOf(selection, order);
  if (selection.cullRows.length === 0) return app.report('No picture is shown. Remove a filter first.');
  if (!selection.cullRows.includes(selection.current)) selection.current = selection.cullRows[0] as number;
  layout.mode = 'cull';
}

/** Compares the chosen pictures. If none are chosen, compares the candidates of the current picture's prompt in
 * rounds. */
export function startCompare(): void {
  const chosen = layout.mode === 'browse' ? selection.rowsInOrder() : new Uint32Array(0);
  if (chosen.length > 8) app.report('Only the first 8 pictures are compared.');
  if (chosen.length > 1) return comparing.choose(chosen.subarray(0, 8));
  const family = selection.current >= 0 ? prompts.of(selection.current) : undefined;
  const rounds = family && comparing.ofPrompt(family);
  if (rounds) comparing.show(rounds);
  else app.report('Choose 2 to 8 pictures to compare (Ctrl and click), or one picture whose prompt has several candidates.');
}

/** Goes to the next undecided prompt in Review, and to the next undecided picture elsewhere. After the end of the list
 * it continues at the beginning. */
export function nextUndecided(): void {
  if (layout.mode === 'browse' && layout.view === 'review') return nextPrompt();
  const rows = layout.mode === 'cull' ? selection.cullRows : order.rows;
  const at = rows.indexOf(selection.current);
  for (let i = 1; i <= rows.length; i++) {
    const row = rows[(at + i) % rows.length] as number;
    // Cull skips the candidates of prompts that already have a pick.
    const family = layout.mode === 'cull' ? prompts.of(row) : undefined;
    if (family && family.code !== NONE && prompts.decided(family)) continue;
    if (marks.flagOf(row) === 0 && row !== selection.current) {
      selection.current = row;
      return;
    }
  }
  app.report('Every other picture here is decided.');
}

function nextPrompt(): void {
  const list = order.promptRows;
  const place = order.placeOf(selection.current);
  const at = place < 0 ? -1 : order.promptAt(place);
  for (let i = 1; i <= list.length; i++) {
    const one = list[(at + i + list.length) % list.length];
    if (one && !prompts.decided(one.family)) {
      // K keeps what goldpan suggests, so that is the picture to look at.
      const suggested = order.standIn(prompts.suggestion(one.family));
      selection.current = suggested >= 0 && marks.flagOf(suggested) === 0 ? suggested : (order.rows[one.from] as number);
      return;
    }
  }
  app.report('Every prompt here is decided.');
}

/** Picks what goldpan suggests for the prompt of `row` and goes to the next undecided prompt. */
export function keepSuggestion(row = selection.current): void {
  if (unseen()) return;
  const family = row >= 0 ? prompts.of(row) : undefined;
  if (!family) return;
  const suggestion = prompts.suggestion(family);
  if (suggestion < 0) return app.report('goldpan suggests no picture of this prompt.');
  if (marks.flagOf(suggestion) < 0) return app.report('You rejected the picture that goldpan suggests for this prompt.');
  app.mark([suggestion], { flag: 1 }, 'picked');
  goTo(suggestion);
  nextUndecided();
}

/** Narrow windows show the search and the facts in a sheet. */
const narrow = (): boolean => innerWidth <= 900;

/** Moves the focus to the current picture of the view, or to the view if it shows no picture. */
export function focusCurrent(): void {
  const place = document.querySelector<HTMLElement>('.main [aria-current="true"]') ?? document.querySelector<HTMLElement>('.main');
  place?.focus({ preventScroll: true });
}

export function startSearch(): void {
  if (narrow()) layout.sheet = 'search';
  else document.getElementById('search')?.focus();
}

export function toggleFacts(): void {
  if (!narrow()) layout.facts = !layout.facts;
  else if (layout.mode !== 'compare') layout.sheet = 'facts';
}

export function back(): void {
  if (layout.rejecting) layout.rejecting = null;
  else if (layout.tagging) layout.tagging = null;
  else if (layout.help) layout.help = false;
  else if (layout.sheet) layout.sheet = '';
  else if (layout.mode !== 'browse') layout.mode = 'browse';
  else letGoOfChosen();
}

/** Chooses no picture, and clears the lasso, which shows a choice too. */
export function letGoOfChosen(): void {
  selection.region = null;
  selection.clear();
}

/** Folds near copies, or all pictures of a prompt, to stacks. If pictures are folded, unfolds them. */
export function toggleStacks(): void {
  const { view } = layout;
  if (view === 'map' || view === 'found') return app.report('Stacks fold pictures in Review, on the Wall and in the Table.');
  if (stacks.kind !== 'off') return stacks.set('off');
  const wanted = view === 'review' ? 'near' : layout.stackKind;
  if (wanted === 'near' && !stacks.near) {
    if (view === 'review') return app.report('Near copies are not known yet. "goldpan slices" finds them.');
    return stacks.set('prompt');
  }
  stacks.set(wanted);
}

/** Opens the stack of a picture: shows all pictures of the stack where its top picture was. If the stack is open, folds
 * it and makes its top picture current. */
export function toggleStack(row = selection.current): void {
  if (row < 0 || !order.stackOf(row)) return app.report(stacks.kind === 'off' ? 'Nothing is folded. S folds pictures to stacks.' : 'This picture is in no stack.');
  stacks.toggle(row);
  selection.current = order.standIn(row);
}

/** Makes a picture current. If a stack hides the picture, opens the stack. */
export function goTo(row: number): void {
  const top = order.standIn(row);
  if (top >= 0 && top !== row) stacks.toggle(top);
  selection.current = row;
}

/** Opens the dialog that shows the pictures of a stack and rejects all but one. */
export function rejectOthers(row: number): void {
  layout.rejecting = order.membersOf(row);
}

export function resize(by: number): void {
  layout.cell = Math.round(Math.min(420, Math.max(64, layout.cell * by)));
}

/** The action "Show only these": adds a filter that only the chosen pictures pass. After that, no picture is chosen. */
export function keepChosen(rows: Uint32Array = selection.rows(), title = 'Chosen'): void {
  filters.add({ kind: 'rows', title, rows });
  selection.clear();
}

/** The user drew a lasso or box around `rows`: these rows are chosen, and the pictures beside the map show only
 * them. */
export function chooseArea(rows: Uint32Array, mode: 'replace' | 'add' | 'remove'): void {
  const before = mode === 'replace' ? [] : Array.from(selection.region ?? []);
  const inside = new Set(rows);
  const region = mode === 'remove' ? before.filter((row) => !inside.has(row)) : [...new Set([...before, ...rows])];
  selection.set(rows, mode);
  selection.region = region.length ? Uint32Array.from(region).sort() : null;
  const best = region.reduce((top, row) => ((catalog.score(row) || 0) > (catalog.score(top) || 0) ? row : top), region[0] ?? -1);
  if (best >= 0 && !region.includes(selection.current)) selection.current = best;
}

/** Clears the lasso, the chosen pictures, and the brushes of charts. */
export function letGo(): void {
  selection.region = null;
  selection.clear();
  for (const name of layout.charts) filters.removeFacet(`range:${name}`);
}

/** Adds a filter that only the pictures inside the lasso pass. */
export function showOnlyArea(): void {
  const { region } = selection;
  if (!region) return;
  selection.region = null;
  keepChosen(region.filter((row) => filters.mask[row] === 1), 'Lasso');
}

/** Copies the table as CSV to the clipboard: the rows and columns that the table shows, in the order of the table. */
export async function copyTable(): Promise<void> {
  const offered = tableColumns(catalog);
  const infos = tableOrder(layout).flatMap((name) => offered.filter((info) => info.name === name));
  const columns = (await Promise.all(infos.map((info) => catalog.need(info.name)))).filter((column) => column !== undefined);
  await copyText(csv(columns, order.rows, titleOf), `${pictures(order.rows.length)} as CSV`);
}

/** Returns the rows that "Move to the bin" moves. If the wall shows only rejected pictures: the chosen rows, or all
 * shown rows if none is chosen. Otherwise none. */
export function rowsForBin(): Uint32Array {
  const none = new Uint32Array(0);
  const { flags } = marks;
  if (!catalog.manifest?.acts.trash || layout.view !== 'wall' || !order.rows.every((row) => flags[row] === -1)) return none;
  return selection.count ? selection.rowsInOrder() : order.rows;
}

/** The address of the generator that can make this picture again; null: none is known. */
export function generatorOf(detail: api.Detail | null): string | null {
  const acts = catalog.manifest?.acts;
  return acts?.generate && detail?.prompt ? (acts.generator ?? detail.generator) : null;
}

/** Returns whether the generator is on this computer: its address is a loopback address, or it is a command. */
export function isHere(address: string): boolean {
  if (!/^https?:\/\//.test(address) && /\s/.test(address)) return true;
  try {
    const { hostname } = new URL(/^https?:\/\//.test(address) ? address : `http://${address}`);
    return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
  } catch {
    return false;
  }
}

/** Makes the current picture again. If the generator is not on this computer, a dialog first shows its address. */
export async function makeAgain(detail: api.Detail | null): Promise<void> {
  const address = generatorOf(detail);
  if (!detail || !address) return;
  if (!isHere(address)) {
    layout.mode = 'generate';
    return;
  }
  try {
    await app.generate(detail.hash, 0, address);
  } catch (error) {
    app.report(`No picture is made: ${(error as Error).message}`);
  }
}

/** Opens the folder of a picture in the file manager. */
export async function openFolder(row: number): Promise<void> {
  try {
    app.report(`Opening ${await api.openFolder(catalog.hash(row))}`);
  } catch (error) {
    app.report(`The folder was not opened: ${(error as Error).message}`);
  }
}

export async function copyText(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    app.report(`${what} copied.`);
  } catch {
    // the browser has no clipboard here, for example on a site without https
    app.report('This browser does not allow the page to copy text.');
  }
}
