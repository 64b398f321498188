import { writeFile } from 'node:fs/promises';
import { Picture } from '../../inspect/picture';
import { pathOf, printable } from '../file-names';
import { formatBytes, formatShare } from '../format-bytes';
import type { Output } from '../output';
import type { Report } from './report';

/** Draws the maps as one picture into a file. */
export function svgInto(target: string, output: Output): Report {
  const picture = new Picture({ bytes: formatBytes, share: formatShare });
  return {
    async file(name, file) {
      picture.add(printable(name), file);
    },
    async failure() {},
    async end({ files }) {
      await writeFile(pathOf(target), picture.svg());
      output.say(`drew ${files} ${files === 1 ? 'file' : 'files'} into ${printable(target)}`);
    },
  };
}
