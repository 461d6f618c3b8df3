export function compileGuestFuzzer(folder: string): string;
