// The words of the notice after undo and redo: which change was undone.
import type { Change } from './ratings';
import type { Tagging } from './tags.svelte';

/** "pick", "rejection", "4 stars", "tag “castle”"; "marks" if the pictures were marked in several ways. */
export function nameOfMarks({ flags, stars }: Change): string {
  const names = new Set<string>();
  flags[1].forEach((flag, i) => {
    const given = stars[1][i] as number;
    if (flag !== flags[0][i]) names.add(flag > 0 ? 'pick' : flag < 0 ? 'rejection' : 'unmarking');
    else if (given !== stars[0][i]) names.add(given ? `${given} ${given === 1 ? 'star' : 'stars'}` : 'removal of stars');
  });
  return names.size === 1 ? ([...names][0] as string) : 'marks';
}

export function nameOfTags(step: Tagging): string {
  const tags = [step, ...(step.with ?? [])].map(({ tag }) => `“${tag}”`);
  return `${step.removed ? 'removal of the ' : ''}${tags.length > 1 ? 'tags' : 'tag'} ${tags.join(', ')}`;
}

/** Undone: the pick of “a red fox”. Done again: the rejection of 38 pictures. */
export function undoWords(side: 0 | 1, name: string, of: string): string {
  return `${side ? 'Done again' : 'Undone'}: ${name === 'marks' ? 'the marks' : `the ${name}`} of ${of}`;
}
