/** Tailwind CSS is the only step between the stylesheet and the browser. */
const postcssConfig = { plugins: { "@tailwindcss/postcss": {} } };
export default postcssConfig;
