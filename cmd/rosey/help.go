package main

import (
	"fmt"

	"github.com/alecthomas/kong"
)

// exampler is a command that shows how it is used.
type exampler interface{ examples() string }

// helpWithDefault adds a flag's default to its help. Without a placeholder the
// default stands in its place already.
func helpWithDefault(v *kong.Value) string {
	text := kong.DefaultHelpValueFormatter(v)
	if !v.HasDefault || v.Default == "" || v.Tag.PlaceHolder == "" {
		return text
	}
	return text + " Default: " + v.Default + "."
}

// helpWithExamples prints a command's help, then its examples.
func helpWithExamples(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	text := "  rosey demo --for 20s\n  rosey up https://cytu.be/r/yourchannel\n  rosey stats top\n  rosey send \"good evening\" --wait"
	if n := ctx.Selected(); n != nil {
		e, ok := n.Target.Addr().Interface().(exampler)
		if !ok {
			return nil
		}
		text = e.examples()
	}
	_, err := fmt.Fprintf(ctx.Stdout, "\nExamples:\n%s\n", text)
	return err
}
