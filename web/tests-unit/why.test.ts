import { describe, expect, it } from 'vitest';
import { CLIP_SCALE, formatNumber, learnDecimals, points, shortNumber } from '../src/state/columns';
import { placeName, pointsApart } from '../src/views/why';

describe('words of the reasons', () => {
  it('names places as English does', () => {
    expect([1, 2, 10, 11, 12, 13, 21, 22, 23, 24, 101, 111, 112].map(placeName)).toEqual(['best', 'second', 'tenth', '11th', '12th', '13th', '21st', '22nd', '23rd', '24th', '101st', '111th', '112th']);
  });
  it('never says that two scores are 0.0 apart', () => {
    expect([0, 0.049, 0.05, 1.84].map(pointsApart)).toEqual(['less than 0.1', 'less than 0.1', '0.1', '1.8']);
  });
  it('shows as many decimals as the scale of the scores needs', () => {
    const shown = (scale: string, values: number[]): string[] => {
      learnDecimals('score', values, scale);
      return [points(values[0]!), pointsApart(0.0004), pointsApart(0.25)];
    };
    expect(shown('softmax(100*cos) of the first text', [0.91734, 0.2])).toEqual(['0.917', 'less than 0.001', '0.250']);
    expect(shown('mean z within its prompt: clip + pickscore', [-1.296, 1.5])).toEqual(['-1.30', 'less than 0.01', '0.25']);
    expect(shown('w*x+b', [-30, 5])).toEqual(['-30.0', 'less than 0.1', '0.3']);
    expect(shown(CLIP_SCALE, [31.25, 31.9])).toEqual(['31.3', 'less than 0.1', '0.3']);
    learnDecimals('score.clip-iqa', [0.5, NaN, 0.61], '');
    expect([formatNumber('score.clip-iqa', 0.5), shortNumber('score.clip-iqa', 0.61234), points(-0.0001, 'score.clip-iqa')]).toEqual(['0.500', '0.612', '0.000']);
  });
});
