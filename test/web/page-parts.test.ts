import fc from 'fast-check';
import { formatBytes as cliBytes, formatShare as cliShare } from '../../src/cli/format-bytes';
import { MOST_CELLS } from '../../src/web/events';
import { levelOf, mapChange } from '../../src/web/levels';
import { formatBytes, formatChange, formatShare } from '../../src/web/page/format';
import { ALL, applyChange, NONE } from '../../src/web/page/levels';
import { nextOrder, type Order } from '../../src/web/page/order';
import { type Layout, type Looked, moved, questionOf, refitted, spanOf, whole, zoomed } from '../../src/web/page/zoom';

test('the page writes figures as the command line does', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (one, other) => {
      expect(formatBytes(one)).toBe(cliBytes(one));
      expect(formatShare(Math.min(one, other), Math.max(one, other))).toBe(cliShare(Math.min(one, other), Math.max(one, other)));
    }),
  );
  expect([formatChange(1536), formatChange(-1536), formatChange(0)]).toEqual(['+1.5 KiB', '\u22121.5 KiB', '']);
});

test('changes lead from any map to any other, and there is none between equal ones', () => {
  const levels = fc.uint8Array({ maxLength: 600 });
  fc.assert(
    fc.property(
      fc.option(levels, { nil: undefined }),
      levels,
      fc.array(fc.tuple(fc.nat(599), fc.nat(255)), { maxLength: 5 }),
      (before, now, touches) => {
        const change = mapChange(1, before, now);
        expect(change === undefined ? before : applyChange(before, change)).toEqual(now);
        const touched = now.slice();
        for (const [cell, level] of touches) if (cell < touched.length) touched[cell] = level;
        const small = mapChange(1, now, touched);
        expect(small === undefined ? now : applyChange(now, small)).toEqual(touched);
        expect(small?.cells).toBeUndefined();
        expect(mapChange(1, touched, touched)).toBeUndefined();
      },
    ),
  );
});

test('a level is none or all only where that is exactly true, and never falls as more comes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 40 }), fc.double({ min: 0, max: 1, noNaN: true }), (bytes, share) => {
      const resident = Math.floor(bytes * share);
      const level = levelOf(resident, bytes);
      expect(level === NONE).toBe(resident === 0);
      expect(level === ALL).toBe(resident === bytes);
      expect(levelOf(Math.min(bytes, resident + 1), bytes)).toBeGreaterThanOrEqual(level);
    }),
  );
});

describe('zooming', () => {
  const looked = fc.record({ id: fc.constant(1), size: fc.integer({ min: 1, max: 2 ** 45 }), pageSize: fc.constantFrom(4096, 65536) });
  const columns = fc.constantFrom(32, 64, 128);

  function expectSound(layout: Layout, file: Looked): void {
    const row = layout.cell * layout.columns;
    expect(layout.offset % row).toBe(0);
    expect(layout.offset).toBeGreaterThanOrEqual(0);
    expect(layout.offset).toBeLessThan(file.size);
    expect(layout.rows).toBeGreaterThanOrEqual(1);
    expect(layout.rows).toBeLessThanOrEqual(16);
    expect(Number.isInteger(Math.log2(layout.cell / file.pageSize))).toBe(true);
    const { count } = questionOf(layout, file);
    expect(count).toBeGreaterThanOrEqual(1);
    expect(count).toBeLessThanOrEqual(Math.min(MOST_CELLS, layout.columns * layout.rows));
    expect(layout.offset + (count - 1) * layout.cell).toBeLessThan(file.size);
  }

  test('shows all of a file at first', () => {
    fc.assert(
      fc.property(looked, columns, (file, across) => {
        const layout = whole(file, across);
        expectSound(layout, file);
        expect(spanOf(layout)).toBeGreaterThanOrEqual(file.size);
      }),
    );
  });

  test('leads to the page that was pointed at, and back to the whole', () => {
    fc.assert(
      fc.property(looked, columns, fc.double({ min: 0, max: 0.999, noNaN: true }), (file, across, share) => {
        const position = Math.floor(file.size * share);
        let layout = whole(file, across);
        for (let step = 0; step < 30; step++) {
          layout = zoomed(layout, file, position, 'in');
          expectSound(layout, file);
          expect(position).toBeGreaterThanOrEqual(layout.offset);
          expect(position).toBeLessThan(layout.offset + spanOf(layout));
        }
        expect(layout.cell).toBe(file.pageSize);
        for (let step = 0; step < 30; step++) layout = zoomed(layout, file, position, 'out');
        expect(layout).toEqual(whole(file, across));
      }),
    );
  });

  test('never leaves the file, however it is moved, resized, or the file changes', () => {
    fc.assert(
      fc.property(looked, looked, columns, columns, fc.integer({ min: -(2 ** 46), max: 2 ** 46 }), (file, { size }, before, after, to) => {
        const layout = moved(zoomed(whole(file, before), file, file.size / 2, 'in'), file, to);
        expectSound(layout, file);
        expectSound(refitted(layout, file, after), file);
        expectSound(refitted(layout, { ...file, size }, after), { ...file, size });
      }),
    );
  });
});

test('pressing a heading orders by it, then the other way around, then as given', () => {
  let order: Order = { column: 'given', descending: false };
  const seen: Order[] = [];
  for (let press = 0; press < 3; press++) {
    order = nextOrder(order, 'size');
    seen.push(order);
  }
  expect(seen).toEqual([
    { column: 'size', descending: true },
    { column: 'size', descending: false },
    { column: 'given', descending: false },
  ]);
  expect(nextOrder(seen[0] as Order, 'name')).toEqual({ column: 'name', descending: false });
});
