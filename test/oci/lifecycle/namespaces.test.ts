import { compare } from './compare.js';
import { namespaceCases } from './namespaces.js';

compare(namespaceCases);
