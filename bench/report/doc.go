// Package report turns figures into something to read: Markdown, JSON, and plots
// as SVG.
//
// A Report holds everything that it says, so a saved one can be shown again
// without measuring. It judges medians by the targets it is given, and says what
// is missed as plainly as what is reached. It measures nothing itself.
package report
