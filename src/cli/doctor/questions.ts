import { constants } from 'node:os';
import { fieldIn, type SystemFiles } from '../../inspect/machine/system-files';
import type { KernelFacts } from '../../native';
import { errnoName, type Finding, type Findings } from './finding';

const { EACCES, EINVAL, ENOSYS, EPERM } = constants.errno;

const SECCOMP = 'let the seccomp profile of the container or service allow';

/** What the kernel answers, and what refuses to. */
export function kernelQuestions(facts: KernelFacts): Findings {
  const { mincore, movePages, populateRead, cachestat, pagemap, pagemapScan } = facts;
  const nothingTold = mincore !== 0 && movePages !== 0;
  const blind = 'Neither mincore nor move_pages says what is in memory, so every page that is asked for counts as a miss and is fetched.';
  return {
    movePages: question('move_pages', movePages, {
      allowed: 'One call asks about a thousand scattered pages.',
      refused: nothingTold ? blind : 'Scattered pages are asked about with a mincore each, at several times the cost.',
      advice: advised(movePages, 'move_pages', 'a kernel with CONFIG_NUMA has it'),
      verdict: nothingTold ? 'bad' : 'limited',
    }),
    mincore: question('mincore', mincore, {
      allowed: 'The kernel tells what is in the page cache, to who may know (nofault doctor FILE says whether you may).',
      refused: nothingTold
        ? blind
        : 'Only pages that this process has mapped already are hits; what others have brought in counts as a miss first.',
      advice: advised(mincore, 'mincore'),
      verdict: nothingTold ? 'bad' : 'limited',
    }),
    populateRead: question('MADV_POPULATE_READ', populateRead, {
      allowed: 'Pages are mapped on threads and before they are handed over, so that reading them takes no fault.',
      refused:
        'Pages are not mapped in advance: the first touch of each takes a minor fault, and a file that fails under it is noticed later.',
      advice: advised(populateRead, 'madvise', 'Linux 5.14 and later have it'),
    }),
    cachestat: question('cachestat', cachestat, {
      allowed: 'Pages that are on their way are told from missing ones, so that nothing is asked for twice.',
      refused:
        'Pages on their way are not told from missing ones: misses are read a little more slowly, and maps of large files take longer.',
      advice: advised(cachestat, 'cachestat', 'Linux 6.5 and later have it'),
    }),
    pagemap: pagemapQuestion(pagemap, pagemapScan),
  };
}

interface Sentences {
  readonly allowed: string;
  readonly refused: string;
  readonly advice: string | undefined;
  readonly verdict?: 'limited' | 'bad';
}

function question(name: string, errno: number, { allowed, refused, advice, verdict = 'limited' }: Sentences): Finding {
  const facts = { allowed: errno === 0, errno: errno === 0 ? null : errno };
  if (errno === 0) return { name, verdict: 'good', value: 'allowed', meaning: allowed, facts };
  return { name, verdict, value: `refused (${errnoName(errno)})`, meaning: refused, ...(advice && { advice }), facts };
}

/** By what the errno says about who refuses: a filter says EPERM (some ENOSYS), a kernel without the call ENOSYS, without the advice EINVAL. */
function advised(errno: number, call: string, kernel?: string): string | undefined {
  switch (errno) {
    case EPERM:
    case EACCES:
      return `${SECCOMP} ${call}`;
    case ENOSYS:
      return kernel ? `${kernel}; or ${SECCOMP} ${call}` : `${SECCOMP} ${call}`;
    case EINVAL:
      return kernel;
    default:
      return undefined;
  }
}

function pagemapQuestion(readable: number, scan: number): Finding {
  const name = 'PAGEMAP_SCAN';
  const facts = { allowed: scan === 0, errno: scan === 0 ? null : scan, pagemapReadable: readable === 0 };
  if (scan === 0) {
    return { name, verdict: 'good', value: 'allowed', meaning: 'One call says which stretches of a window this process maps.', facts };
  }
  const value =
    readable === 0 ? `refused (${errnoName(scan)}); pagemap can be read` : `refused: /proc/self/pagemap (${errnoName(readable)})`;
  return {
    name,
    verdict: 'limited',
    value,
    meaning: 'Which pages are mapped is asked page by page, so that renewing many scattered verdicts costs more.',
    ...(readable === 0 ? { advice: 'Linux 6.7 and later have it' } : { advice: 'mount /proc, and let it be read' }),
    facts,
  };
}

/** Whether a filter may refuse calls that the kernel has. */
export function seccomp(files: SystemFiles): Finding {
  const mode = fieldIn(files.text('/proc/self/status'), 'Seccomp');
  const filtered = mode === undefined ? null : mode !== '0';
  return {
    name: 'Seccomp',
    verdict: 'good',
    value: filtered === null ? 'unknown' : filtered ? 'a filter is active' : 'no filter',
    meaning: filtered
      ? 'What is refused above, it may refuse; what is allowed above, it lets pass.'
      : 'What is refused above, the kernel refuses.',
    facts: { filtered },
  };
}
