/** Patterns for paths: `*` and `?` stay inside one name, `**` crosses folders, all else stands for itself. */

/** `/etc/**` means what is below /etc, and /etc itself. */
export function globMatcher(globs: readonly string[]): (path: string) => boolean {
  const patterns = globs.map((glob) => {
    const source = glob.replace(/\/\*\*$|\*\*\/|\*\*|\*|\?|[\\^$.|+()[\]{}]/g, (part) => {
      if (part === '/**') return '(?:/.*)?';
      if (part === '**/') return '(?:.*/)?';
      if (part === '**') return '.*';
      if (part === '*') return '[^/]*';
      return part === '?' ? '[^/]' : `\\${part}`;
    });
    return new RegExp(`^${source}$`, 'su');
  });
  return (path) => patterns.some((pattern) => pattern.test(path));
}
