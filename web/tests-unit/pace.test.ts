import { describe, expect, it } from 'vitest';
import { Pace } from '../src/map/pace';

describe('pace', () => {
  it('draws less when frames are slow, to a bound', () => {
    const pace = new Pace();
    pace.tell(16);
    expect(pace.thin).toBe(1);
    pace.tell(60);
    expect(pace.thin).toBe(2);
    pace.tell(160); // more than three times too slow: to an eighth
    expect(pace.thin).toBe(8);
    for (let i = 0; i < 20; i++) pace.tell(200);
    expect(pace.thin).toBe(16);
  });
  it('draws more again only after many quick frames', () => {
    const pace = new Pace();
    pace.tell(60);
    pace.tell(60);
    for (let i = 0; i < 29; i++) pace.tell(10);
    expect(pace.thin).toBe(4);
    pace.tell(10);
    expect(pace.thin).toBe(2);
    for (let i = 0; i < 300; i++) pace.tell(30); // neither slow nor quick
    expect(pace.thin).toBe(2);
    for (let i = 0; i < 300; i++) pace.tell(10);
    expect(pace.thin).toBe(1);
  });
});
