// Command rosey records a CyTube channel and answers what happened there. The
// commands wire the packages together and speak to people; they hold no logic.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/alecthomas/kong"

	"rosey/streams/embedded"
)

// cli is the command line.
type cli struct {
	Up          upCmd          `cmd:"" help:"Record a channel: embedded server, bot and projector in one process."`
	Demo        demoCmd        `cmd:"" help:"Record a simulated channel; no network needed."`
	Server      serverCmd      `cmd:"" help:"Run the embedded server alone."`
	Bot         botCmd         `cmd:"" help:"Run the bot alone."`
	Projector   projectorCmd   `cmd:"" help:"Run the projector alone."`
	Replay      replayCmd      `cmd:"" help:"Rebuild the tables from the stream, or verify them."`
	Stats       statsCmd       `cmd:"" help:"Ask the tables."`
	Send        sendCmd        `cmd:"" help:"Let the bot say something."`
	Outbound    outboundCmd    `cmd:"" help:"What the bot is to say: list, show, cancel, retry."`
	Tail        tailCmd        `cmd:"" help:"Watch or page through events."`
	Export      exportCmd      `cmd:"" help:"Write events or a table as NDJSON or CSV."`
	Import      importCmd      `cmd:"" help:"Restore the stream from an archive."`
	Backup      backupCmd      `cmd:"" help:"Copy a running installation into a folder."`
	Restore     restoreCmd     `cmd:"" help:"Make an installation out of a backup."`
	Stream      streamCmd      `cmd:"" help:"Show, set up or check the stream."`
	Doctor      doctorCmd      `cmd:"" help:"Check every guarantee; exit 1 when something is wrong, 2 when that cannot be told."`
	DeadLetters deadLettersCmd `cmd:"" help:"Events that could not be applied: list, show, retry."`

	Version kong.VersionFlag `help:"Print the version and exit."`
}

// console is where a command speaks.
type console struct {
	out, err io.Writer
	// in is what it reads. Default: standard input.
	in io.Reader
	// seen is how the output is looked at. Default: as its terminal says.
	seen *look
}

// exit codes: 1 for what went wrong, 2 for what was asked wrongly or could not
// be told.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	return execute(ctx, args, stdout, stderr)
}

// execute runs one command line until it is done, or the context is.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return executeOn(ctx, args, stdout, stderr, &console{out: outputWriter{stdout}, err: stderr})
}

// executeOn lets the command speak on a console of its own.
func executeOn(ctx context.Context, args []string, stdout, stderr io.Writer, con *console) int {
	if errCrash != nil {
		fmt.Fprintf(stderr, "rosey: %v\n", errCrash)
		return exitUsage
	}
	var c cli
	code := -1
	parser, err := newParser(&c, stdout, stderr, func(n int) { code = n })
	if err != nil {
		fmt.Fprintf(stderr, "rosey: command line: %v\n", err)
		return exitUsage
	}
	kctx, err := parser.Parse(args)
	if code >= 0 { // help or version was asked for
		return code
	}
	if err != nil {
		fmt.Fprintf(stderr, "rosey: %s\ntry:   rosey %s--help\n", misread(err), commandPrefix(err))
		return exitUsage
	}
	kctx.BindTo(ctx, (*context.Context)(nil))
	kctx.Bind(con)
	err = serverLost(kctx.Run(), kctx.Command(), args)
	if err == nil {
		return 0
	}
	var quiet exitError
	if errors.As(err, &quiet) {
		return int(quiet)
	}
	complain(stderr, inCommand(err, args))
	return exitFailed
}

// newParser makes the command line's parser; exit is called instead of ending
// the process.
func newParser(c *cli, stdout, stderr io.Writer, exit func(int)) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("rosey"),
		kong.Description("Rosey keeps the complete, durable history of a CyTube channel, and all that can be computed from it."),
		kong.Writers(stdout, stderr),
		kong.Exit(exit),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{
			"version": version(), "data": defaultData,
			"natsport": strconv.Itoa(embedded.DefaultPort), "monitorport": strconv.Itoa(embedded.DefaultMonitorPort),
		},
		kong.Help(helpWithExamples),
		kong.ValueFormatter(helpWithDefault),
	)
}

// exitError ends a command that has said everything already.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit %d", int(e)) }

func commandPrefix(err error) string {
	var pe *kong.ParseError
	if !errors.As(err, &pe) || pe.Context == nil || pe.Context.Selected() == nil {
		return ""
	}
	prefix := ""
	for n := pe.Context.Selected(); n != nil && n.Type == kong.CommandNode; n = n.Parent {
		prefix = n.Name + " " + prefix
	}
	return prefix
}
