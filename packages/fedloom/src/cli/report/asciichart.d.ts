declare module 'asciichart' {
  const asciichart: {
    plot(
      series: readonly number[],
      options?: { readonly height?: number; readonly format?: (value: number) => string },
    ): string;
  };
  export default asciichart;
}
