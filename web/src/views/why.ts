// Words for why a picture is suggested or not. They state only what the catalog contains: places and scores.
import { catalog, marks, prompts } from '../state/actions.svelte';
import { NONE, points, smallest } from '../state/columns';

const PLACES = ['best', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth', 'tenth'];

const ENDINGS = ['th', 'st', 'nd', 'rd'];

/** "second", "11th", "22nd" */
export function placeName(place: number): string {
  const teen = Math.floor(place / 10) % 10 === 1;
  return PLACES[place - 1] ?? `${place}${(teen ? null : ENDINGS[place % 10]) ?? 'th'}`;
}

/** A difference of two scores: "1.8", or "less than 0.1" if it would be rounded to 0.0. */
export const pointsApart = (difference: number): string => (difference < smallest() ? `less than ${points(2 * smallest())}` : points(difference));

/** Returns why the picture is suggested or not. `reason`: the reason that goldpan stored with its pick, or null. */
export function whyOf(row: number, reason: string | null): string {
  const apart = catalog.apart(row);
  if (apart) return `Set apart: ${apart}. It is not scored and never suggested.`;
  const family = prompts.of(row);
  if (!family || family.code === NONE) return 'No prompt is known for this picture, so it has no score and is not suggested.';
  const score = catalog.score(row);
  if (Number.isNaN(score)) return 'It has no score, so it is not suggested.';
  const place = family.rows.indexOf(row) + 1;
  const of = family.scored;
  const best = catalog.score(family.rows[0] as number);
  const picked = marks.flagOf(row) > 0;
  const suggested = prompts.suggested(row);
  const others = prompts.suggestion(family);
  const lead = prompts.lead(family);
  const rank = of === 1 ? 'the only candidate of its prompt' : place === 1 ? `the best score of ${of} for this prompt, by ${pointsApart(lead)}` : `${placeName(place)} of ${of}, ${pointsApart(best - score)} below the best of this prompt`;
  if (suggested) {
    const close = place === 1 && lead < prompts.close && of > 1 ? ' That is close, so look at both.' : '';
    const why = reason && !(place === 1 && reason.startsWith('picked as the best of')) ? ` ${reason.replace(/\.?$/, '.')}` : '';
    return `${picked ? 'You picked it, and goldpan suggests it too' : 'goldpan suggests it'}: ${rank}.${close}${why}`;
  }
  if (picked && others >= 0) {
    const by = catalog.score(others) - score;
    return `You picked it. goldpan’s own suggestion scores ${pointsApart(Math.abs(by))} ${by >= 0 ? 'more' : 'less'}.`;
  }
  if (others < 0) return `goldpan suggests no picture of this prompt. This one is ${rank}.`;
  return `Not suggested: ${rank}.`;
}
