// Which pictures an export contains.  The server and the command `goldpan export` use the same rules (docs/api.md).
import { NONE } from './columns';

export type Choice = 'mine' | 'mine+suggested' | 'stars' | 'shown' | 'chosen';

/** At most this many pictures may be named in one request. */
export const MAX_NAMED = 100000;

export interface ExportFacts {
  count: number;
  flags: ArrayLike<number>;
  stars: ArrayLike<number>;
  /** code of the prompt of each row */
  prompt: ArrayLike<number>;
  suggested(row: number): boolean;
  shown(row: number): boolean;
  chosen(row: number): boolean;
}

export function rowsOfChoice(choice: Choice, least: number, facts: ExportFacts): number[] {
  const { flags } = facts;
  const picked = (row: number): boolean => (flags[row] as number) > 0;
  const test: Record<Choice, () => (row: number) => boolean> = {
    mine: () => picked,
    'mine+suggested': () => {
      const decided = new Set<number>();
      for (let row = 0; row < facts.count; row++) if (picked(row)) decided.add(facts.prompt[row] ?? NONE);
      decided.delete(NONE);
      return (row) => picked(row) || (flags[row] === 0 && facts.suggested(row) && !decided.has(facts.prompt[row] ?? NONE));
    },
    stars: () => (row) => (facts.stars[row] as number) >= least,
    shown: () => (row) => facts.shown(row),
    chosen: () => (row) => facts.chosen(row) && facts.shown(row),
  };
  const belongs = test[choice]();
  const rows: number[] = [];
  for (let row = 0; row < facts.count; row++) if (belongs(row)) rows.push(row);
  return rows;
}

/** Quotes a word of a command line. "~/" stays outside the quotes, because a shell replaces it only there. */
export function quoted(word: string): string {
  if (/^[\w@%+=:,./~-]+$/.test(word) && !/^-|.~/.test(word)) return word;
  const home = word.startsWith('~/') ? '~/' : '';
  const rest = word.slice(home.length);
  return `${home}'${rest.replaceAll("'", "'\\''")}'`;
}

/** Name of the file in which the dialog saves the list of the pictures. The time makes it unique, so that the command
 * never reads an older list. */
export function listOf(choice: Choice, opened: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${opened.getFullYear()}${two(opened.getMonth() + 1)}${two(opened.getDate())}`;
  const time = `${two(opened.getHours())}${two(opened.getMinutes())}${two(opened.getSeconds())}`;
  return `${choice === 'mine+suggested' ? 'mine-and-suggested' : choice}-${day}-${time}.txt`;
}

/** The line that names a picture in this list: its path, or the hash of its content if the path is not one line of
 * valid text. */
export const lineOf = (path: string, hash: string): string => (!path || /[\r\n\ufffd]/.test(path) ? hash : path);

/** True if only the page can tell which pictures these are. The command of such a choice reads the list that the dialog
 * saves. */
export const needsList = (choice: Choice): choice is 'shown' | 'chosen' => choice === 'shown' || choice === 'chosen';

/** Returns the command line that exports the pictures of `choice` as the dialog does. `list`: name of the saved list. */
export function commandOf(choice: Choice, least: number, folder: string, mode: string, catalog: string, list: string): string {
  const listed = `--list ${list}`;
  const what: Record<Choice, string> = { mine: '--mine', 'mine+suggested': '--mine --suggested', stars: `--stars ${least}`, shown: listed, chosen: listed };
  const how = mode === 'copy' ? '' : ` --${mode}`;
  return `goldpan export ${quoted(folder)} ${what[choice]}${how} --catalog ${quoted(catalog)}`;
}
