package main

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// look is how a person sees the output. The zero value is what a machine reads:
// no plots.
type look struct {
	// plots is whether somebody would rather look than read.
	plots bool
	// ascii leaves out what the terminal may not be able to show.
	ascii bool
	// width is that of the terminal in characters.
	width int
}

// Bounds of a terminal's width: one that says nothing, and one that is as wide as
// a wall.
const (
	usualWidth = 80
	mostWidth  = 200
)

// lookOf asks the terminal that an output goes to; getenv is os.Getenv.
func lookOf(w io.Writer, getenv func(string) string) look {
	if o, ok := w.(outputWriter); ok {
		w = o.w
	}
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return look{}
	}
	l := look{plots: true, ascii: plain(getenv), width: usualWidth}
	if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
		l.width = min(width, mostWidth)
	}
	return l
}

// plain reports whether a terminal is to be shown nothing but ASCII: it is asked
// for, or may not be able to show more.
func plain(getenv func(string) string) bool {
	if getenv("NO_COLOR") != "" || getenv("TERM") == "dumb" {
		return true
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} { // the first that is set decides
		if locale := strings.ToLower(getenv(name)); locale != "" {
			return !strings.Contains(locale, "utf-8") && !strings.Contains(locale, "utf8")
		}
	}
	return true
}

// looks is how the output of this command is seen.
func (c *console) looks() look {
	if c.seen != nil {
		return *c.seen
	}
	return lookOf(c.out, os.Getenv)
}
