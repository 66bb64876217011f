package main

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// bar is a count as a line of at most width blocks.
func (l look) bar(n, most int64, width int) string {
	if n <= 0 || most <= 0 || width <= 0 {
		return ""
	}
	if l.ascii {
		return strings.Repeat("#", max(1, int(n*int64(width)/most)))
	}
	eighths := max(1, int(n*int64(width)*8/most))
	text := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		text += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return text
}

// unobserved is a place in a sparkline about which nothing is known. It is not
// zero.
const unobserved = -1

// The steps of a sparkline, from nothing at all to the most.
var (
	sparks      = []rune(" ▁▂▃▄▅▆▇█")
	sparksASCII = []rune(" .:-=+*%#")
)

// spark draws values side by side, each as high as it is beside the most. What
// is more than nothing is seen; what is unobserved stands out from nothing.
func (l look) spark(values []int64) string {
	steps, nothing := sparks, '·'
	if l.ascii {
		steps, nothing = sparksASCII, '_'
	}
	most := max(1, slices.Max(append([]int64{0}, values...)))
	var b strings.Builder
	for _, v := range values {
		switch {
		case v < 0:
			b.WriteRune(' ')
		case v == 0:
			b.WriteRune(nothing)
		default:
			top := int64(len(steps) - 1)
			b.WriteRune(steps[max(1, (v*top+most-1)/most)])
		}
	}
	return b.String()
}

// sample is a value at a time.
type sample struct{ ms, value int64 }

// spread puts samples, in the order of their times, side by side into columns of
// equal length: the greatest of each. A column without one repeats the one
// before for as long as a sample holds; after that nothing is known.
func spread(samples []sample, columns int, holds int64) []int64 {
	if len(samples) == 0 || columns <= 0 {
		return nil
	}
	first, last := samples[0].ms, samples[len(samples)-1].ms
	if last <= first {
		return []int64{samples[len(samples)-1].value}
	}
	list := make([]int64, columns)
	for i := range list {
		list[i] = unobserved
	}
	place := func(ms int64) int { return int((ms - first) * int64(columns-1) / (last - first)) }
	for i, s := range samples {
		at := place(s.ms)
		list[at] = max(list[at], s.value)
		if i+1 == len(samples) {
			break
		}
		for next := at + 1; next < place(min(samples[i+1].ms, s.ms+holds)); next++ {
			list[next] = s.value
		}
	}
	return list
}

// Bounds of the bars beside a table.
const (
	leastBar = 8
	mostBar  = 40
)

// beside is the width that a table leaves for bars, 0 where that is too little.
func (l look) beside(rows [][]string) int {
	if !l.plots {
		return 0
	}
	room := l.room(rows) - columnGap
	if room < leastBar {
		return 0
	}
	return min(room, mostBar)
}

// room is the width that a table leaves behind its last column.
func (l look) room(rows [][]string) int {
	var columns []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(columns) {
				columns = append(columns, 0)
			}
			columns[i] = max(columns[i], utf8.RuneCountInString(cell))
		}
	}
	room := l.width - 1 + columnGap
	for _, c := range columns {
		room -= c + columnGap
	}
	return room
}
