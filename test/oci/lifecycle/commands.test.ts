import { commandCases } from './commands.js';
import { compare } from './compare.js';

compare(commandCases);
