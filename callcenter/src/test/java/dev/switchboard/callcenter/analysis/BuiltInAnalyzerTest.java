package dev.switchboard.callcenter.analysis;

import static org.assertj.core.api.Assertions.assertThat;

import dev.switchboard.callcenter.analysis.Conversation.Speaker;
import dev.switchboard.callcenter.analysis.Conversation.Utterance;
import dev.switchboard.engine.protocol.Json;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** SPEC L27: what is counted, and what is not pretended. */
class BuiltInAnalyzerTest {
    private final BuiltInAnalyzer analyzer = new BuiltInAnalyzer();

    private static Conversation of(Locale language, Utterance... said) {
        return new Conversation(UUID.randomUUID(), language, List.of(said));
    }

    private static Utterance agent(String text, long at) {
        return new Utterance(Speaker.AGENT, text, at);
    }

    private static Utterance customer(String text, long at) {
        return new Utterance(Speaker.CUSTOMER, text, at);
    }

    private Optional<Double> number(String step, String name, Conversation conversation) {
        return analyzer.analyze(step, conversation)
                .get(name)
                .map(value -> Double.parseDouble(((Json.Literal) value).text()));
    }

    @Test
    void L27_sharesPausesAndInterruptionsFollowFromBeginningsAndWords() {
        Conversation conversation = of(
                Locale.ENGLISH,
                agent("one two three four five", 0), // until 2 s
                customer("one two three four five", 5_000), // after 3 s of silence, until 7 s
                agent("one two three four five", 6_000), // interrupts, until 8 s
                agent("one two three four five", 7_500), // oneself nobody interrupts; until 9.5 s
                customer("one two three four five", 12_499)); // a pause of 2.999 s is none

        assertThat(number("talk", "agent_share", conversation)).contains(0.6);
        assertThat(number("talk", "agent_s", conversation)).contains(6.0);
        assertThat(number("talk", "silence_s", conversation)).contains(3.0);
        assertThat(number("talk", "interruptions", conversation)).contains(1.0);
    }

    @Test
    void L27_theCustomersWordsAloneSayHowTheyFeelAndANegationTurnsTheNextOne() {
        assertThat(number("sentiment", "sentiment", of(Locale.ENGLISH, customer("This is great, thank you", 0))))
                .contains(1.0);
        assertThat(number("sentiment", "sentiment", of(Locale.ENGLISH, customer("That is not great", 0))))
                .contains(-1.0);
        assertThat(number("sentiment", "sentiment", of(Locale.ENGLISH, customer("Great. But it is broken", 0))))
                .contains(0.0);
        assertThat(number(
                        "sentiment",
                        "sentiment",
                        of(Locale.of("pt", "BR"), customer("Está errado e atrasado, péssimo, mas obrigado", 0))))
                .contains(-0.5);
        assertThat(number(
                        "sentiment",
                        "sentiment",
                        of(Locale.ENGLISH, agent("This is great", 0), customer("Tuesday", 1))))
                .as("nothing said, nothing known")
                .isEmpty();
    }

    @Test
    void L27_keywordsAreTheWordsThatCameMostOftenWithoutThoseThatSayNothing() {
        Json.Fields found = analyzer.analyze(
                "keywords",
                of(
                        Locale.ENGLISH,
                        customer("The invoice, about the invoice and delivery", 0),
                        agent("Delivery of which invoice?", 9)));

        assertThat(found.items("keywords")).containsExactly(new Json.Text("invoice"), new Json.Text("delivery"));
        assertThat(found.text("method")).isPresent();
    }

    @Test
    void L27_eachStepSaysByWhichMethod() {
        assertThat(analyzer.steps())
                .allSatisfy(step -> assertThat(
                                analyzer.analyze(step, of(Locale.ENGLISH)).text("method"))
                        .isPresent());
    }
}
