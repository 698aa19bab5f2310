import { describe, expect, it } from 'vitest';
import { placeName, pointsApart } from '../src/views/why';

describe('words of the reasons', () => {
  it('names places as English does', () => {
    expect([1, 2, 10, 11, 12, 13, 21, 22, 23, 24, 101, 111, 112].map(placeName)).toEqual(['best', 'second', 'tenth', '11th', '12th', '13th', '21st', '22nd', '23rd', '24th', '101st', '111th', '112th']);
  });
  it('never says that two scores are 0.0 apart', () => {
    expect([0, 0.049, 0.05, 1.84].map(pointsApart)).toEqual(['less than 0.1', 'less than 0.1', '0.1', '1.8']);
  });
});
