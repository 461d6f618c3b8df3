/** barchan uninstall */
export { uninstall as main } from './install.js';
