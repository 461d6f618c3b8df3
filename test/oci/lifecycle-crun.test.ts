import { compareWith } from './compare.js';

compareWith('crun');
