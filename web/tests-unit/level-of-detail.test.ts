import { describe, expect, it } from 'vitest';
import { LevelOfDetail } from '../src/map/level-of-detail';

describe('level of detail', () => {
  it('draws fewer points when frames are slow, up to a limit', () => {
    const detail = new LevelOfDetail();
    detail.addFrame(16);
    expect(detail.stride).toBe(1);
    detail.addFrame(60);
    expect(detail.stride).toBe(2);
    detail.addFrame(160); // the frame took more than three times too long, so only a quarter of the points is drawn
    expect(detail.stride).toBe(8);
    for (let i = 0; i < 20; i++) detail.addFrame(200);
    expect(detail.stride).toBe(16);
  });
  it('draws more points again only after many fast frames', () => {
    const detail = new LevelOfDetail();
    detail.addFrame(60);
    detail.addFrame(60);
    for (let i = 0; i < 29; i++) detail.addFrame(10);
    expect(detail.stride).toBe(4);
    detail.addFrame(10);
    expect(detail.stride).toBe(2);
    for (let i = 0; i < 300; i++) detail.addFrame(30); // neither slow nor fast
    expect(detail.stride).toBe(2);
    for (let i = 0; i < 300; i++) detail.addFrame(10);
    expect(detail.stride).toBe(1);
  });
});
