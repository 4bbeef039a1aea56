package dev.switchboard.callcenter.analysis;

import java.util.Arrays;
import java.util.Locale;
import java.util.Set;

/**
 * Words of a language that say how somebody feels, and those that say nothing of what is talked about. Small, and made for calls.
 *
 * @param negations that turn the next word around
 */
record Lexicon(Set<String> good, Set<String> bad, Set<String> negations, Set<String> empty) {
    private static final Lexicon ENGLISH = new Lexicon(
            words(
                    "thank thanks great good wonderful excellent perfect happy glad love lovely kind helpful helped quick quickly works"
                            + " worked solved resolved appreciate pleased awesome nice fantastic amazing friendly easy"),
            words(
                    "bad terrible awful angry upset annoyed annoying wrong broken late never problem problems issue complaint complain"
                            + " disappointed disappointing frustrated frustrating slow worst horrible unacceptable cancel refund lost"
                            + " missing failed fails fault useless rude waiting twice"),
            words(
                    "not no never none nothing without hardly don't doesn't didn't isn't wasn't aren't can't couldn't won't wouldn't"),
            words(
                    "about after again also another because been before being could does doing done each every from have having here"
                            + " hello help into just know like look looking made make many more most much need only other over please really"
                            + " right said same should some such take tell than that their them then there these they thing things think"
                            + " this those through time today until very want well were what when where which while will with would"
                            + " yeah your you're we're i'm it's that's good morning afternoon thank thanks calling speaking"));
    private static final Lexicon PORTUGUESE = new Lexicon(
            words(
                    "obrigado obrigada ótimo ótima bom boa excelente perfeito perfeita feliz gostei adorei ajudou ajuda rápido rápida"
                            + " funciona funcionou resolvido resolveu agradeço contente gentil fácil maravilhoso maravilhosa parabéns"),
            words(
                    "ruim péssimo péssima horrível errado errada quebrado atrasado atrasada atraso problema problemas reclamação"
                            + " reclamar decepcionado decepcionada frustrado frustrada lento lenta pior cancelar reembolso perdido"
                            + " faltando falhou falha inútil grosso grosseiro esperando demora demorou infelizmente"),
            words("não nem nunca nada sem jamais"),
            words(
                    "para como mais mas este esta esse essa isso aqui está estou estava muito muita quando onde porque pela pelo"
                            + " ainda também dele dela seus suas você vocês minha nosso nossa fazer feito posso pode vamos tenho"
                            + " temos tinha queria quero favor olá agora depois antes sobre entre até então cada todo toda"
                            + " bom dia boa tarde noite obrigado obrigada senhor senhora"));

    static Lexicon of(Locale language) {
        return language.getLanguage().equals("pt") ? PORTUGUESE : ENGLISH;
    }

    private static Set<String> words(String text) {
        return Set.of(Arrays.stream(text.split(" ")).distinct().toArray(String[]::new));
    }
}
