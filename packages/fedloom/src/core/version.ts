/** This package's version; a test holds it against package.json. */
export const VERSION = '0.1.0';
/** How fedloom names itself to peers. */
export const SOFTWARE = `fedloom/${VERSION}`;
