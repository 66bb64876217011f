package main

import (
	"errors"
	"strings"

	"rosey/projector"
)

// acceptFlag lets a command go on without what the stream lost.
type acceptFlag struct {
	AcceptGap bool `help:"Go on without events that the stream no longer holds; the decision is recorded in the stream, and later starts know it."`
}

// decisionFlags let a refused start go on.
type decisionFlags struct {
	acceptFlag
	AdoptStream bool   `help:"Go on with a stream that is a restored or promoted copy of the one the tables were made from; the decision is recorded in it."`
	Archive     string `help:"Archive of the stream (rosey export events --archive): another version of the program remakes its tables with it where the stream was trimmed." type:"path" env:"ROSEY_ARCHIVE" placeholder:"DIR"`
}

func (f decisionFlags) apply(cfg *projector.Config) {
	cfg.AcceptGap, cfg.AdoptStream = f.AcceptGap, f.AdoptStream
}

// inCommand spells out a remedy that is the same command with one flag more.
func inCommand(err error, args []string) error {
	var refused *projector.StartError
	if !errors.As(err, &refused) || refused.Flag == "" || len(args) == 0 {
		return err
	}
	general := "the same command with " + refused.Flag
	var exact string
	switch args[0] {
	case "replay":
		if refused.Flag != projector.FlagAcceptGap {
			exact = "`rosey projector " + refused.Flag + "` once, then the same command again"
			break
		}
		fallthrough
	case "projector", "up":
		exact = "`" + commandLine(args) + " " + refused.Flag + "`"
	default:
		return err
	}
	return advise(err, "%s", strings.ReplaceAll(refused.Remedy, general, exact))
}
