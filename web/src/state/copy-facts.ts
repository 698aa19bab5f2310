// Collects the data that the rules for near copies read (CopyFacts) from the stores. Reactive callers run again when
// marks, filters or columns change.
import { catalog, filters, marks, prompts } from './actions.svelte';
import { fateOf, type CopyFacts, type CopyGroup, type Fate } from './copies';

/** Returns null if columns are not loaded yet. Without an analysis, no row is in a group of near copies. */
export function copyFacts(): CopyFacts | null {
  const [group, keeper] = ['duplicate', 'keeper'].map((name) => (catalog.has(name) ? catalog.lookup(name)?.data : []));
  const prompt = catalog.lookup('prompt');
  const suggested = catalog.lookup('picked');
  if (!group || !keeper || !prompt || !suggested) return null;
  const { flags } = marks;
  const { mask } = filters;
  return {
    count: catalog.count,
    group,
    keeper,
    prompt: prompt.data,
    flags,
    suggested: (row) => prompts.suggested(row),
    score: (row) => catalog.score(row),
    shown: (row) => mask[row] === 1,
  };
}

const WORDS: Record<Fate, string> = { kept: 'kept', mine: 'your pick, stays', suggested: 'suggested, stays', rejected: 'rejected', 'would go': 'would be rejected' };

/** Returns words for what becomes of a picture of a group. */
export function captionOf(row: number, group: CopyGroup, facts: CopyFacts): string {
  const fate = fateOf(row, group, facts);
  if (fate === 'would go' && facts.suggested(row)) return 'suggested, would be rejected';
  if (fate !== 'kept') return WORDS[fate];
  const scores = group.rows.map((one) => facts.score(one)).filter((score) => !Number.isNaN(score));
  return (facts.flags[row] as number) > 0 ? 'kept, your pick' : facts.suggested(row) ? 'kept, suggested' : facts.score(row) === Math.max(...scores) ? 'kept, best score' : 'kept';
}
