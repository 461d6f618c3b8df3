/** Text of a guest's on its way to a terminal or a page: nothing in it acts on what shows it. */

/** In quotes, as the tracer writes it: printable ASCII, the rest as escapes. */
export function quoted(bytes: Uint8Array): string {
  let text = '"';
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    if (byte === 0x0a) text += '\\n';
    else if (byte === 0x09) text += '\\t';
    else if (byte === 0x0d) text += '\\r';
    else if (character === '"' || character === '\\') text += `\\${character}`;
    else if (byte >= 0x20 && byte < 0x7f) text += character;
    else text += `\\${byte.toString(8).padStart(3, '0')}`;
  }
  return `${text}"`;
}

const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\\]/gu;

/** Letters of all scripts stay; control, format (bidirectional ones too) and unassigned characters become escapes. */
export function printable(text: string): string {
  return text.replace(unsafe, (character) =>
    character === '\\' ? '\\\\' : `\\u{${(character.codePointAt(0) as number).toString(16)}}`,
  );
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For element content and quoted attributes; `text` has been through printable() when it is a guest's. */
export function html(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] as string);
}

/** JSON in ASCII alone, which can be shown anywhere as it is. */
export function asciiJson(value: unknown): string {
  const text = JSON.stringify(value, undefined, 2);
  const escaped = (character: string): string =>
    `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `${text.replace(/[\u007f-\uffff]/g, escaped)}\n`;
}
