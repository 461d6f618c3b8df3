import { compareWith } from './compare.js';

compareWith('runc');
