import type { Figure } from './contract';
import type { Samples } from './rounds';

/** What the contestants of the bench `hit` come to. */
export function hitFigures(samples: Samples): Figure[] {
  return [
    samples.ratio(
      'tryPage_over_mincore',
      'tryPage',
      'mincoreAndByte',
      'tryPage asking the kernel each time / one mincore and a byte in C++',
      {
        atMost: 1.2,
      },
    ),
    samples.ratio('handleRead_over_tryPage', 'handleRead', 'tryPage', 'await filehandle.read of a page / tryPage', { atLeast: 30 }),
    samples.ratio('readSync_over_tryPage', 'readSync', 'tryPage', 'fs.readSync of a page / tryPage'),
    samples.ratio('mincoreEach_over_getPages', 'mincoreEach', 'getPages', 'one mincore a page in C++ / one getPages of 1,000 pages', {
      atLeast: 3,
    }),
    samples.ratio('readSync_over_board', 'readSync', 'board', 'fs.readSync of a page / tryPage of a page on the board and a byte', {
      atLeast: 8,
    }),
    samples.ratio('handleRead_over_board', 'handleRead', 'board', 'await filehandle.read of a page / the same', { atLeast: 200 }),
    samples.ratio(
      'mincore16_over_vector16',
      'mincoreOf16',
      'vector16',
      '16 mincore calls of a page in C++ / getPages of 16 pages on the board',
      {
        atLeast: 50,
      },
    ),
    samples.cost('vector16_us', 'vector16', 'getPages of 16 pages on the board, no views, us', 1e-3),
    samples.cost('tryPage_ns', 'tryPage', "tryPage and a byte read, trust 'never'"),
    samples.cost('board_ns', 'board', 'tryPage of a page on the board and a byte read'),
    samples.cost('mincoreAndByte_ns', 'mincoreAndByte', 'one mincore and a byte read, C++'),
    samples.cost('viewAndByte_ns', 'viewOnly', 'a view of a plain mapping and a byte read, nobody asked'),
    samples.cost('readSync_ns', 'readSync', 'fs.readSync of a page'),
    samples.cost('handleRead_ns', 'handleRead', 'await filehandle.read of a page'),
    samples.cost('getPages_ns_per_page', 'getPages', "getPages of 1,000 pages, trust 'never', a page"),
    samples.cost('getPagesBoard_ns_per_page', 'getPagesBoard', 'getPages of 1,000 pages on the boards, a page'),
    samples.cost('getPagesBytes_ns_per_page', 'getPagesBytes', 'getPages of 1,000 pages and a byte of each view, a page'),
    samples.cost('mincoreEach_ns_per_page', 'mincoreEach', 'one mincore of one page, C++'),
    samples.cost('mincore16_ns', 'mincore16', 'one mincore of 16 pages, C++'),
  ];
}
