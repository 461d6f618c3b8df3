export type Link = 'static' | 'dynamic';
export interface GuestProgram {
  name: string;
  source: string;
  shows: string;
  links: Link[];
  args: string[];
  timeoutMs: number;
  stderr: boolean;
  flags: string[];
}
export function splitWords(text: string): string[];
export function parseHeader(name: string, text: string): Omit<GuestProgram, 'source'>;
export function guestPrograms(): GuestProgram[];
export function compileGuest(
  program: { name: string; source: string; flags?: string[] },
  link: Link,
): Promise<string>;
