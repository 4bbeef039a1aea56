package dev.switchboard.server.explain;

import dev.switchboard.engine.InvalidSettingException;
import dev.switchboard.engine.deliver.Receipt;
import dev.switchboard.engine.explain.Image;
import dev.switchboard.engine.explain.LiveExplanation;
import dev.switchboard.engine.explain.LiveSources;
import dev.switchboard.engine.explain.Question;
import dev.switchboard.engine.explain.Step;
import dev.switchboard.engine.journal.Passage;
import dev.switchboard.engine.model.Position;
import dev.switchboard.engine.postgres.Database;
import dev.switchboard.engine.postgres.RowExplanation;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Puts together what the database and the running engine know. Thread-safe; blocking. */
final class Explainer {
    private final Database database;
    private final String publication;
    private final LiveSources sources;

    /** @param end the step where changes end, if they do */
    record Answer(List<Step> steps, Optional<Step> end) {}

    Explainer(Database database, String publication, LiveSources sources) {
        this.database = database;
        this.publication = publication;
        this.sources = sources;
    }

    /**
     * Everything.
     *
     * @param row    by which a row is looked for
     * @param change that is meant, instead of a row
     */
    Answer explain(Question question, Optional<Image.Pattern> row, Optional<Position> change) {
        LiveExplanation live = sources.about(question);
        Optional<Passage> passage =
                change.isPresent() ? Optional.of(kept(question, change.get())) : row.flatMap(live::last);
        Optional<Image> recalled = passage.flatMap(Image::of);
        RowExplanation.Explained known = RowExplanation.of(
                database,
                publication,
                question.table(),
                question.group(),
                new RowExplanation.Wanted(row.filter(_ -> change.isEmpty()), recalled));
        var steps = new ArrayList<>(known.table());
        steps.addAll(live.arrival(passage, row.isPresent()));
        steps.addAll(known.rights());
        steps.addAll(live.listeners(known.image(), passage));
        passage.ifPresent(past -> steps.addAll(live.delivery(past)));
        return new Answer(List.copyOf(steps), change.isPresent() ? endOfChange(steps) : Step.end(steps));
    }

    /** What may be known to who is explained: of changes, those that they were shown of a row that they see. */
    Answer explainToOneself(Question question, Optional<Image.Pattern> row) {
        RowExplanation.Explained known =
                RowExplanation.ofOneself(database, publication, question.table(), question.group(), row);
        LiveExplanation live = sources.about(question);
        // who has no subject shares what tells channels apart with strangers
        boolean somebody = question.subject().isPresent();
        Optional<Passage> passage =
                known.image().isEmpty() || !somebody ? Optional.empty() : row.flatMap(live::lastShown);
        var steps = new ArrayList<>(known.table());
        live.arrival(passage, row.isPresent()).stream()
                .map(Explainer::withoutInside)
                .forEach(steps::add);
        steps.addAll(known.rights());
        if (somebody) {
            steps.addAll(live.listeners(known.image(), passage));
        }
        passage.ifPresent(past -> steps.addAll(live.delivery(past)));
        return new Answer(List.copyOf(steps), Step.end(steps));
    }

    /** The latest changes of a table, the last one first. */
    List<Passage> recent(Question question, int most) {
        return sources.journal().changes(question.table()).stream().limit(most).toList();
    }

    /** A change that was delivered has passed everything, whatever rows and rights are now. */
    private static Optional<Step> endOfChange(List<Step> steps) {
        for (int i = 0; i < steps.size(); i++) {
            if (steps.get(i).name().equals(Step.DELIVERED) && steps.get(i).outcome() == Step.Outcome.PASSED) {
                return Step.end(steps.subList(i, steps.size()));
            }
        }
        return Step.end(steps);
    }

    private Passage kept(Question question, Position change) {
        return sources.journal().change(question.table(), change).orElseThrow(() -> {
            List<Passage> all = sources.journal().changes(question.table());
            return new InvalidSettingException(
                    "of a change at " + change + " of " + question.table() + " nothing is kept; "
                            + (all.isEmpty()
                                    ? "there is none of that table"
                                    : "there are " + all.size() + " of that table, from "
                                            + all.getLast().position() + " to "
                                            + all.getFirst().position()));
        });
    }

    private static Step withoutInside(Step step) {
        return step.outcome() == Step.Outcome.STOPPED
                ? Step.stopped(step.name(), "changes may be late at the moment")
                : step;
    }

    /** How many sockets got a change. */
    static int sent(Passage passage) {
        int sent = 0;
        for (Receipt receipt : passage.receipts()) {
            sent += receipt.channels().size()
                    - receipt.handed()
                            .map(handed -> handed.withheld().size())
                            .orElse(receipt.channels().size());
        }
        return sent;
    }
}
