import fc from 'fast-check';
import { cellsOf, drawMap } from '../../src/cli/map-line';
import type { ResidencyMap, ResidencyRun } from '../../src/index';

const PLAIN = { interactive: false, columns: 80, colour: false, unicode: true };
const STATES = ['resident', 'missing', 'unknown'] as const;

/** A map from one state a page; `size` may end within the last page. */
function mapOf(states: readonly ResidencyRun['state'][], pageSize: number, cutOff = 0): ResidencyMap {
  const size = states.length * pageSize - cutOff;
  const runs: ResidencyRun[] = [];
  states.forEach((state, page) => {
    const offset = page * pageSize;
    const length = Math.min(pageSize, size - offset);
    const last = runs.at(-1);
    if (last?.state === state) runs[runs.length - 1] = { ...last, length: last.length + length };
    else runs.push({ offset, length, state });
  });
  const bytesOf = (state: ResidencyRun['state']): number => runs.reduce((sum, run) => sum + (run.state === state ? run.length : 0), 0);
  return { size, pageSize, residentBytes: bytesOf('resident'), unknownBytes: bytesOf('unknown'), runs };
}

function draw(states: readonly ResidencyRun['state'][], most: number, unicode = true): string {
  return drawMap(cellsOf(mapOf(states, 4096), most), { ...PLAIN, unicode });
}

function pages(count: number, state: ResidencyRun['state']): ResidencyRun['state'][] {
  return new Array<ResidencyRun['state']>(count).fill(state);
}

test('the cells cover the file in whole pages and tell what the runs tell', () => {
  const states = fc.array(fc.constantFrom(...STATES), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(
      states,
      fc.integer({ min: 1, max: 200 }),
      fc.constantFrom(4096, 16384, 65536),
      fc.nat(4095),
      (each, most, pageSize, cutOff) => {
        const map = mapOf(each, pageSize, cutOff);
        const cells = cellsOf(map, most);
        const sum = (key: 'bytes' | 'residentBytes' | 'unknownBytes'): number => cells.reduce((total, cell) => total + cell[key], 0);
        expect(cells).toHaveLength(Math.min(most, each.length));
        expect([sum('bytes'), sum('residentBytes'), sum('unknownBytes')]).toEqual([map.size, map.residentBytes, map.unknownBytes]);
        for (const cell of cells.slice(0, -1)) expect(cell.bytes % pageSize).toBe(0);
        const sizes = cells.slice(0, -1).map((cell) => cell.bytes);
        if (sizes.length > 0) expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(pageSize);
      },
    ),
  );
});

test('each cell shows its own pages', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...STATES), { minLength: 1, maxLength: 100 }), (each) => {
      const expected = each.map((state) => ({ resident: '█', missing: '·', unknown: '?' })[state]).join('');
      expect(draw(each, 100)).toBe(expected);
    }),
  );
});

test('one page among many still shows, as does one missing page', () => {
  expect(draw([...pages(99, 'missing'), 'resident'], 2)).toBe('·▁');
  expect(draw([...pages(99, 'resident'), 'missing'], 2)).toBe('█▇');
  expect(draw([...pages(99, 'missing'), 'resident'], 2, false)).toBe('.1');
  expect(draw([...pages(99, 'resident'), 'missing'], 2, false)).toBe('#9');
});

test('a cell of which something is unknown is unknown', () => {
  expect(draw([...pages(99, 'resident'), 'unknown'], 2)).toBe('█?');
});

test('half is drawn as half', () => {
  expect(draw([...pages(50, 'resident'), ...pages(50, 'missing')], 1)).toBe('▄');
  expect(draw([...pages(50, 'resident'), ...pages(50, 'missing')], 1, false)).toBe('5');
});

test('an empty file has no cells, and a sparse one of 15 TiB has a line of them', () => {
  expect(cellsOf({ size: 0, pageSize: 4096, residentBytes: 0, unknownBytes: 0, runs: [] }, 80)).toEqual([]);
  const size = 15 * 2 ** 40;
  const runs: ResidencyRun[] = [{ offset: 0, length: size, state: 'missing' }];
  expect(drawMap(cellsOf({ size, pageSize: 4096, residentBytes: 0, unknownBytes: 0, runs }, 80), PLAIN)).toBe('·'.repeat(80));
});

test('in colour the characters are the same', () => {
  const cells = cellsOf(mapOf(['resident', 'missing', 'missing', 'unknown'], 4096), 80);
  const coloured = drawMap(cells, { ...PLAIN, colour: true });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
  expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe('█··?');
  expect(coloured.split('\u001b[0m')).toHaveLength(4);
});
