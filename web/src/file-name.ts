/** The name of a photo without its ending and without signs that file systems refuse. */
export function stem(name: string): string {
  const clean = name.replace(/\.[^.]+$/, '').replace(/[\\/:*?"<>|\p{Cc}]/gu, '_');
  return clean.replace(/^[. ]+|[. ]+$/g, '') || 'photo';
}

/** The stems of several photos, each different from the others even where case does not count. */
export function stems(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const base = stem(name);
    let unique = base;
    for (let turn = 2; taken.has(unique.toLowerCase()); turn++) unique = `${base}-${turn}`;
    taken.add(unique.toLowerCase());
    return unique;
  });
}
