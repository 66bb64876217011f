package report

import (
	"fmt"
	"math"
	"strings"

	"rosey/bench/measure"
)

// Plot is a picture of figures. It is of bars, where it has rows, or of curves.
type Plot struct {
	// File is the picture's name, without a folder.
	File  string `json:"file"`
	Title string `json:"title"`
	// Unit stands at the axis of values, Across at the other one of curves.
	Unit   string `json:"unit"`
	Across string `json:"across,omitempty"`
	// Log says that the values span orders of magnitude.
	Log    bool            `json:"log,omitempty"`
	Bars   []Bar           `json:"bars,omitempty"`
	Curves []measure.Curve `json:"curves,omitempty"`
}

// Bar is one row: a median with its spread, and what it should reach.
type Bar struct {
	Label  string  `json:"label"`
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// width of every picture, in pixels; the text fits a page of documents.
const width = 720

// style has the colours for light and for dark pages; a picture that is embedded
// follows its reader's setting.
const style = `<style>
:root { color-scheme: light dark }
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 14px }
.faint { fill: #57606a }
.grid { stroke: #d0d7de; stroke-width: 1 }
.spread { stroke: #24292f; stroke-width: 1.5 }
.b { fill: #54aeff }
.l { fill: none; stroke-width: 2 }
.c0 { stroke: #0969da } .c1 { stroke: #bc4c00 } .c2 { stroke: #1a7f37 } .c3 { stroke: #8250df } .c4 { stroke: #bf3989 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.faint { fill: #9198a1 }
.grid { stroke: #3d444d }
.spread { stroke: #e6edf3 }
.b { fill: #1f6feb }
.c0 { stroke: #4493f8 } .c1 { stroke: #f0883e } .c2 { stroke: #3fb950 } .c3 { stroke: #ab7df8 } .c4 { stroke: #db61a2 }
}
</style>
`

const curveColours = 5

// SVG draws the plot.
func (p Plot) SVG() string {
	var b strings.Builder
	if len(p.Bars) > 0 {
		p.bars(&b)
	} else {
		p.curves(&b)
	}
	return b.String()
}

func open(b *strings.Builder, height int, title string) {
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`+"\n",
		width, height, width, height, escape(title))
	b.WriteString(style)
	text(b, 12, 22, "title", "start", title)
}

func text(b *strings.Builder, x, y float64, class, anchor, s string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>`+"\n", x, y, class, anchor, escape(s))
}

func line(b *strings.Builder, class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(b, `<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`+"\n", class, x1, y1, x2, y2)
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

func escape(s string) string { return escaper.Replace(s) }

// scale maps values to pixels.
type scale struct {
	low, high, from, to float64
	log                 bool
	ticks               []float64
}

func newScale(low, high, from, to float64, log bool) scale {
	s := scale{low: low, high: high, from: from, to: to, log: log}
	if log {
		s.low, s.high = math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(high)))
		if s.high == s.low {
			s.high *= 10
		}
		for t := s.low; t <= s.high*1.0001; t *= 10 {
			s.ticks = append(s.ticks, t)
		}
		return s
	}
	step := niceStep((high - low) / 5)
	s.low, s.high = math.Floor(low/step)*step, math.Ceil(high/step)*step
	for i := 0; s.low+float64(i)*step <= s.high+step/2; i++ {
		s.ticks = append(s.ticks, s.low+float64(i)*step)
	}
	return s
}

// niceStep is the next of 1, 2 and 5 times a power of ten.
func niceStep(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range [...]float64{1, 2, 5} {
		if f*power >= v {
			return f * power
		}
	}
	return 10 * power
}

func (s scale) at(v float64) float64 {
	low, high := s.low, s.high
	if s.log {
		low, high, v = math.Log10(low), math.Log10(high), math.Log10(max(v, s.low))
	}
	return s.from + (s.to-s.from)*(v-low)/(high-low)
}

// bars has a row for each bar, its median as a bar and its runs as a line over it.
func (p Plot) bars(b *strings.Builder) {
	const left, right, top, row = 250, 90, 40, 26
	height := top + row*len(p.Bars) + 44
	open(b, height, p.Title)
	low, high := 0.0, 0.0
	for i, bar := range p.Bars {
		if high = max(high, bar.Max); i == 0 || bar.Min < low {
			low = bar.Min
		}
	}
	log := p.Log && low > 0
	if !log {
		low = min(low, 0)
	}
	if high <= low {
		high = low + 1
	}
	s := newScale(low, high, left, width-right, log)
	bottom := float64(top + row*len(p.Bars))
	for _, t := range s.ticks {
		line(b, "grid", s.at(t), top-4, s.at(t), bottom)
		text(b, s.at(t), bottom+16, "faint", "middle", number(t))
	}
	unit := p.Unit
	if log {
		unit += ", logarithmic"
	}
	text(b, (left+width-right)/2, bottom+34, "faint", "middle", unit)
	for i, bar := range p.Bars {
		y := float64(top + row*i)
		zero := s.at(max(s.low, 0))
		from, to := min(zero, s.at(bar.Median)), max(zero, s.at(bar.Median))
		text(b, left-8, y+row/2+2, "", "end", bar.Label)
		fmt.Fprintf(b, `<rect class="b" x="%.1f" y="%.1f" width="%.1f" height="%d"/>`+"\n", from, y+2, to-from, row-8)
		middle := y + 2 + (row-8)/2
		if bar.Max > bar.Min {
			line(b, "spread", s.at(bar.Min), middle, s.at(bar.Max), middle)
			line(b, "spread", s.at(bar.Min), middle-4, s.at(bar.Min), middle+4)
			line(b, "spread", s.at(bar.Max), middle-4, s.at(bar.Max), middle+4)
		}
		text(b, max(s.at(bar.Max), to)+6, y+row/2+2, "", "start", number(bar.Median))
	}
	b.WriteString("</svg>\n")
}

// curves has lines through points, with a name for each.
func (p Plot) curves(b *strings.Builder) {
	const left, right, top, bottom, high = 70, 30, 64, 300, 340
	open(b, high, p.Title)
	first := true
	var x0, x1, y0, y1 float64
	for _, c := range p.Curves {
		for i := range c.X {
			if p.Log && c.Y[i] <= 0 {
				continue
			}
			if first {
				x0, x1, y0, y1, first = c.X[i], c.X[i], c.Y[i], c.Y[i], false
			}
			x0, x1, y0, y1 = min(x0, c.X[i]), max(x1, c.X[i]), min(y0, c.Y[i]), max(y1, c.Y[i])
		}
	}
	if !p.Log {
		y0 = min(y0, 0)
	}
	if y1 <= y0 {
		y1 = y0 + 1
	}
	if x1 <= x0 {
		x1 = x0 + 1
	}
	log := p.Log && y0 > 0
	xs, ys := newScale(x0, x1, left, width-right, false), newScale(y0, y1, bottom, top, log)
	for _, t := range ys.ticks {
		line(b, "grid", left, ys.at(t), width-right, ys.at(t))
		text(b, left-6, ys.at(t)+4, "faint", "end", number(t))
	}
	for _, t := range xs.ticks {
		text(b, xs.at(t), bottom+16, "faint", "middle", number(t))
	}
	text(b, (left+width-right)/2, bottom+34, "faint", "middle", p.Across)
	text(b, 12, top-10, "faint", "start", p.Unit)
	at := float64(width - right)
	for i := len(p.Curves) - 1; i >= 0; i-- {
		c, colour := p.Curves[i], fmt.Sprintf("l c%d", i%curveColours)
		var points []string
		for j := range c.X {
			if log && c.Y[j] <= 0 {
				continue
			}
			points = append(points, fmt.Sprintf("%.1f,%.1f", xs.at(c.X[j]), ys.at(c.Y[j])))
		}
		fmt.Fprintf(b, `<polyline class="%s" points="%s"/>`+"\n", colour, strings.Join(points, " "))
		if c.Name == "" {
			continue
		}
		text(b, at, 42, "", "end", c.Name)
		at -= 7*float64(len([]rune(c.Name))) + 6
		line(b, colour, at-18, 38, at, 38)
		at -= 32
	}
	b.WriteString("</svg>\n")
}
