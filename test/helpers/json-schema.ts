/** As much of JSON Schema 2020-12 as the files of schema/ use; another keyword is an error. */

export type Schema = { [keyword: string]: unknown };

const annotations = new Set(['$schema', '$id', 'title', 'description', '$defs', 'contentEncoding', 'format']);

function isType(value: unknown, type: string): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}

/**
 * What is wrong with `value`, by path. Stricter than the schema: an object has no properties that it does not name, so that a schema
 * that lacks one is found. `find` gives what a $ref refers to.
 */
export function schemaErrors(
  schema: Schema,
  value: unknown,
  find: (reference: string) => Schema,
  path = '$',
): string[] {
  const errors: string[] = [];
  for (const [keyword, rule] of Object.entries(schema)) {
    if (annotations.has(keyword)) continue;
    if (keyword === '$ref') errors.push(...schemaErrors(find(rule as string), value, find, path));
    else if (keyword === 'type') {
      if (![rule].flat().some((type) => isType(value, type as string)))
        errors.push(`${path} is no ${String(rule)}`);
    } else if (keyword === 'const' || keyword === 'enum') {
      if (![rule].flat().includes(value)) errors.push(`${path} is ${JSON.stringify(value)}`);
    } else if (keyword === 'pattern') {
      if (!new RegExp(rule as string, 'u').test(String(value))) errors.push(`${path} is not like ${rule}`);
    } else if (keyword === 'minimum') {
      if (!((value as number) >= (rule as number))) errors.push(`${path} is below ${rule}`);
    } else if (keyword === 'items') {
      for (const [i, item] of (Array.isArray(value) ? value : []).entries())
        errors.push(...schemaErrors(rule as Schema, item, find, `${path}[${i}]`));
    } else if (keyword === 'required') {
      for (const name of rule as string[])
        if (!Object.hasOwn(Object(value), name)) errors.push(`${path}.${name} is missing`);
    } else if (keyword === 'properties') {
      for (const [name, item] of Object.entries(Object(value))) {
        const known = (rule as Record<string, Schema>)[name];
        if (known) errors.push(...schemaErrors(known, item, find, `${path}.${name}`));
        else errors.push(`${path}.${name} is not in the schema`);
      }
    } else throw new Error(`keyword ${keyword} at ${path} is not known to this check`);
  }
  return errors;
}
