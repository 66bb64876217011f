// Command bench measures everything that is claimed of Rosey's speed and thrift,
// and writes a report: Markdown, JSON, and plots as SVG.
//
//	go run ./bench                                  # the whole list, three times
//	go run ./bench -docs docs/performance.md        # the same, into the documents
//	go run ./bench -only replay -events 1000000     # some of it
//	go run ./bench -quick                           # does everything run? in a minute
//
// Each step of a measurement runs in a process of its own, so that memory and
// processor time are those of the step. The steps of one run follow each other at
// once: ratios are of the same minute. What is measured is in package measure,
// what is made of the figures in package report; here is the list.
package main
